#include "core/nbody.h"

#include "check.h"

/* So many particles, and room for the accelerations of a run of targets. */
typedef struct {
    double *values, *out;
    nbody_task task;
} cloud;

static cloud cloud_of(int64_t count, int64_t first, int64_t targets, double scale, double softening) {
    cloud cloud = {.values = check_memory((size_t)(4 * count) * sizeof(double)),
                   .out = check_memory((size_t)(3 * targets) * sizeof(double))};
    uint64_t state = 7;
    for (int64_t i = 0; i < 4 * count; i++) cloud.values[i] = scale * ((double)check_random(&state) / 4e9 + 1e-3);
    cloud.task = (nbody_task){.x = cloud.values,
                              .y = cloud.values + count,
                              .z = cloud.values + 2 * count,
                              .mass = cloud.values + 3 * count,
                              .count = count,
                              .softening2 = softening * softening,
                              .ax = cloud.out,
                              .ay = cloud.out + targets,
                              .az = cloud.out + 2 * targets,
                              .first = first,
                              .targets = targets};
    return cloud;
}

static void cloud_free(cloud *cloud) {
    free(cloud->values);
    free(cloud->out);
}

/* The accelerations, computed in two slices. */
static void run(cloud *cloud, gs_vector level, int64_t cut) {
    void *memory = check_memory((size_t)nbody_scratch(cloud->task.count) + 64);
    nbody_copy copy = nbody_start(&cloud->task, (double *)(((uintptr_t)memory + 63) / 64 * 64));
    nbody_groups(&cloud->task, &copy, level, 0, cut);
    nbody_groups(&cloud->task, &copy, level, cut, nbody_units(cloud->task.targets));
    nbody_finish(&cloud->task, &copy);
    free(memory);
}

/* Against the formula, summed in long double. */
static void against_formula(const cloud *cloud) {
    const nbody_task *task = &cloud->task;
    double largest = 0, worst = 0;
    for (int64_t target = 0; target < task->targets; target++) {
        long double a[3] = {0};
        int64_t i = task->first + target;
        for (int64_t j = 0; j < task->count; j++) {
            long double d[3] = {task->x[j] - task->x[i], task->y[j] - task->y[i], task->z[j] - task->z[i]};
            long double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + task->softening2;
            for (int axis = 0; axis < 3; axis++) a[axis] += task->mass[j] * d[axis] / (r2 * sqrtl(r2));
        }
        for (int axis = 0; axis < 3; axis++) {
            double error = (double)fabsl(a[axis] - cloud->out[axis * task->targets + target]);
            CHECK(error == error);
            if (error > worst) worst = error;
            if (fabsl(a[axis]) > largest) largest = (double)fabsl(a[axis]);
        }
    }
    CHECK(worst <= 5e-13 * largest);
}

static void window(gs_vector level, int64_t count, int64_t first, int64_t targets) {
    cloud whole = cloud_of(count, first, targets, 1, 0.05), parts = cloud_of(count, first, targets, 1, 0.05);
    run(&whole, level, 0);
    against_formula(&whole);
    for (int64_t cut = 1; cut <= nbody_units(targets); cut += 1 + cut / 8) {
        run(&parts, level, cut);
        CHECK(memcmp(whole.out, parts.out, (size_t)(3 * targets) * sizeof(double)) == 0);
    }
    cloud_free(&whole);
    cloud_free(&parts);
}

static void test(gs_vector level) {
    for (int64_t count = 0; count <= 18; count++)
        for (int64_t first = 0; first <= count; first++)
            for (int64_t targets = 0; first + targets <= count; targets++) window(level, count, first, targets);
    for (int64_t count = 127; count <= 133; count++) {
        window(level, count, 0, count);
        window(level, count, 1, count - 1);
        window(level, count, 3, 9);
    }
    window(level, 301, 0, 301);

    /* Far apart, close together, hardly softened: still finite and right. */
    static const double scales[][2] = {{1e12, 1}, {1e30, 1}, {1e-12, 1e-9}, {1, 1e-20}, {1e-30, 1e-40}};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        cloud cloud = cloud_of(13, 0, 13, scales[i][0], scales[i][1]);
        run(&cloud, level, 1);
        against_formula(&cloud);
        cloud_free(&cloud);
    }

    /* Two bodies of masses 1 and 2, 3 apart, softened by 4: 5 in effect. */
    double values[] = {0, 3, 0, 0, 0, 0, 1, 2}, out[6];
    cloud two = {.values = values, .out = out};
    two.task = (nbody_task){values, values + 2, values + 4, values + 6, 2, 16, out, out + 2, out + 4, 0, 2};
    run(&two, level, 0);
    CHECK(fabs(out[0] - 2 * 3 / 125.0) < 1e-13 && fabs(out[1] + 3 / 125.0) < 1e-13);
    for (int i = 2; i < 6; i++) CHECK(out[i] == 0);
}
