/* The loaded objects: their import-table slots, made to point at hooks and put back. Never sees Python.
 *
 * All that is here needs `elf.mutex`, except where a function says otherwise. Lock order: elf.mutex, then the loader's
 * own lock. */
#ifndef GILSCOPE_SCOPE_ELF_H
#define GILSCOPE_SCOPE_ELF_H

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "image.h"

/* A function that stands in for the one of this name. */
typedef struct {
    const char *symbol;
    void *function;
    bool by_path; /* searches by the RUNPATH of whoever calls it: an object that has one keeps its own call */
} elf_hook;

typedef struct {
    void **slot;
    void *before, *after;
    bool read_only;
} elf_patch;

/* A loaded object, known by its place and its name, and its patched slots. */
typedef struct {
    uintptr_t base;
    char *name;
    elf_patch *patches;
    int count, room;
    bool loaded; /* still there, at the last look */
} elf_library;

static struct {
    pthread_mutex_t mutex;
    bool patched;
    const elf_hook *hooks;
    int hook_count;
    elf_library *libraries;
    int library_count, library_room;
    uintptr_t self, python; /* the bases of this module, whose slots are spared, and of the interpreter */
} elf = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static const elf_hook *elf_hook_of(const char *symbol) {
    if (symbol[0] != 'P' && symbol[0] != 'd') return NULL; /* thousands of symbols are asked for, eight have a hook */
    for (int i = 0; i < elf.hook_count; i++)
        if (strcmp(symbol, elf.hooks[i].symbol) == 0) return &elf.hooks[i];
    return NULL;
}

static bool elf_is_hook(const void *address) {
    for (int i = 0; i < elf.hook_count; i++)
        if (address == elf.hooks[i].function) return true;
    return false;
}

static void elf_patch_slot(void **slot, const char *symbol, const image_object *image, void *data) {
    elf_library *owner = data;
    const elf_hook *hook = elf_hook_of(symbol);
    if (hook == NULL) return;
    void *before = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (elf_is_hook(before)) return;
    /* Python itself always names a file. */
    if (hook->by_path && image->own_path && image->base != elf.python) return;
    if (owner->count == owner->room) {
        int room = owner->room ? 2 * owner->room : 8;
        elf_patch *bigger = realloc(owner->patches, (size_t)room * sizeof *bigger);
        if (bigger == NULL) return;
        owner->patches = bigger;
        owner->room = room;
    }
    bool read_only = image_is_read_only(image, slot);
    owner->patches[owner->count++] = (elf_patch){slot, before, hook->function, read_only};
    image_write_slot(slot, hook->function, read_only);
}

static elf_library *elf_known(const struct dl_phdr_info *info) {
    for (int i = 0; i < elf.library_count; i++) {
        elf_library *each = &elf.libraries[i];
        if (each->base == info->dlpi_addr && strcmp(each->name, info->dlpi_name) == 0) return each;
    }
    return NULL;
}

static int elf_visit_new(struct dl_phdr_info *info, size_t size, void *unused) {
    elf_library *known = elf_known(info);
    if (known != NULL) {
        known->loaded = true;
        return 0;
    }
    image_object image;
    if (info->dlpi_addr == elf.self || !image_read(info, &image)) return 0;
    if (elf.library_count == elf.library_room) {
        int room = elf.library_room ? 2 * elf.library_room : 64;
        elf_library *bigger = realloc(elf.libraries, (size_t)room * sizeof *bigger);
        if (bigger == NULL) return 0;
        elf.libraries = bigger;
        elf.library_room = room;
    }
    elf_library library = {.base = info->dlpi_addr, .name = strdup(info->dlpi_name), .loaded = true};
    if (library.name == NULL) return 0;
    image_each_slot(&image, elf_patch_slot, &library);
    elf.libraries[elf.library_count++] = library;
    return 0;
}

static void elf_forget(elf_library *library) {
    free(library->name);
    free(library->patches);
}

/* Patches what has been loaded since the last time, and forgets what has been unloaded. */
static void elf_patch_new(void) {
    for (int i = 0; i < elf.library_count; i++) elf.libraries[i].loaded = false;
    dl_iterate_phdr(elf_visit_new, NULL);
    int left = 0;
    for (int i = 0; i < elf.library_count; i++) {
        if (elf.libraries[i].loaded) elf.libraries[left++] = elf.libraries[i];
        else elf_forget(&elf.libraries[i]);
    }
    elf.library_count = left;
}

static void elf_patch_all(void) {
    elf.patched = true;
    elf_patch_new();
}

static void elf_restore_library(const elf_library *library) {
    for (int i = 0; i < library->count; i++) {
        const elf_patch *patch = &library->patches[i];
        if (__atomic_load_n(patch->slot, __ATOMIC_ACQUIRE) == patch->after)
            image_write_slot(patch->slot, patch->before, patch->read_only);
    }
}

/* While the loader calls this, no library can be unloaded. */
static int elf_visit_restore(struct dl_phdr_info *info, size_t size, void *unused) {
    elf_library *known = elf_known(info);
    if (known != NULL) elf_restore_library(known);
    return 0;
}

static void elf_forget_all(void) {
    for (int i = 0; i < elf.library_count; i++) elf_forget(&elf.libraries[i]);
    elf.library_count = 0;
    elf.patched = false;
}

/* Puts every slot back. Returns how many there were. */
static long long elf_restore_all(void) {
    long long slots = 0;
    for (int i = 0; i < elf.library_count; i++) slots += elf.libraries[i].count;
    dl_iterate_phdr(elf_visit_restore, NULL);
    elf_forget_all();
    return slots;
}

/* The same in the child of a fork, without the loader's lock: another thread of the parent may have held that. */
static void elf_restore_in_child(void) {
    for (int i = 0; i < elf.library_count; i++) elf_restore_library(&elf.libraries[i]);
    elf_forget_all();
}

static void elf_count_slot(void **slot, const char *symbol, const image_object *image, void *data) {
    if (elf_hook_of(symbol) != NULL && elf_is_hook(__atomic_load_n(slot, __ATOMIC_ACQUIRE))) ++*(long *)data;
}

static int elf_visit_count(struct dl_phdr_info *info, size_t size, void *data) {
    image_object image;
    if (info->dlpi_addr != elf.self && image_read(info, &image)) image_each_slot(&image, elf_count_slot, data);
    return 0;
}

/* How many slots point at a hook at this moment. Needs no lock. */
static long elf_count_patched(void) {
    long count = 0;
    dl_iterate_phdr(elf_visit_count, &count);
    return count;
}

static uintptr_t elf_base_of(const void *address) {
    Dl_info info;
    return dladdr(address, &info) ? (uintptr_t)info.dli_fbase : 0;
}

/* Once. `ours` lies in this module, `pythons` in the interpreter. */
static void elf_set_up(const elf_hook *hooks, int count, const void *ours, const void *pythons) {
    elf.hooks = hooks;
    elf.hook_count = count;
    elf.self = elf_base_of(ours);
    elf.python = elf_base_of(pythons);
}

#endif
