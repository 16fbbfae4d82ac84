#include "core/objectsum.h"

#include "check.h"

static double sum(int count, const double *numbers) {
    objectsum_float sum = {0};
    for (int i = 0; i < count; i++) objectsum_float_add(&sum, numbers[i]);
    return objectsum_float_value(&sum);
}

static void test(gs_vector level) {
    (void)level;
    CHECK(sum(0, NULL) == 0);
    CHECK(sum(3, (double[]){1e100, 1, -1e100}) == 1);
    CHECK(sum(3, (double[]){1, 1e100, -1e100}) == 1);
    CHECK(sum(10, (double[]){.1, .1, .1, .1, .1, .1, .1, .1, .1, .1}) == 1);
    CHECK(sum(2, (double[]){INFINITY, 1}) == INFINITY);
    CHECK(sum(2, (double[]){1e308, 1e308}) == INFINITY);
    CHECK(isnan(sum(2, (double[]){INFINITY, -INFINITY})));
    CHECK(isnan(sum(2, (double[]){NAN, 1})));
}
