/* objectsum: the sum of a list of Python numbers. The objects cannot come down here, so this is the
 * arithmetic alone: what of the sum fits a machine word.
 *
 * Floats are added with Neumaier's compensation (A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur
 * Summation endlicher Summen, ZAMM 54, 1974): `low` collects what rounding takes from `high`. */
#ifndef GILSCOPE_CORE_OBJECTSUM_H
#define GILSCOPE_CORE_OBJECTSUM_H

#include "base.h"

#include <math.h>

typedef struct {
    double high, low;
} objectsum_float;

static inline void objectsum_float_add(objectsum_float *sum, double x) {
    double total = sum->high + x;
    if (fabs(sum->high) >= fabs(x)) sum->low += (sum->high - total) + x;
    else sum->low += (x - total) + sum->high;
    sum->high = total;
}

/* An infinite or undefined sum has no rounding error worth adding: it would turn inf into nan. */
static inline double objectsum_float_value(const objectsum_float *sum) {
    return sum->low != 0 && isfinite(sum->low) ? sum->high + sum->low : sum->high;
}

#endif
