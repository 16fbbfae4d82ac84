/* The loaded 64-bit ELF objects: their import-table slots, made to point at hooks and put back. Never sees Python.
 *
 * All that is here needs `elf.mutex`, except where a function says otherwise. Lock order: elf.mutex, then the loader's
 * own lock. */
#ifndef GILSCOPE_SCOPE_ELF_H
#define GILSCOPE_SCOPE_ELF_H

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__
enum { ELF_JUMP_SLOT = R_X86_64_JUMP_SLOT, ELF_GLOB_DAT = R_X86_64_GLOB_DAT };
#else
enum { ELF_JUMP_SLOT = R_AARCH64_JUMP_SLOT, ELF_GLOB_DAT = R_AARCH64_GLOB_DAT };
#endif

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

/* What an object says of itself. */
typedef struct {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Rela) * tables[2]; /* of data and of the procedure linkage table */
    size_t lengths[2];
    bool own_path;                    /* has a RUNPATH or RPATH of its own */
    uintptr_t relro_begin, relro_end; /* made read-only after it was relocated */
} elf_image;

static struct {
    pthread_mutex_t mutex;
    bool patched;
    const elf_hook *hooks;
    int hook_count;
    elf_library *libraries;
    int library_count, library_room;
    uintptr_t self, python; /* the bases of this module, whose slots are spared, and of the interpreter */
    long page;
} elf = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Reads an object's headers. Needs no lock. False if it has no dynamic section, or nothing to relocate. */
static bool elf_read(const struct dl_phdr_info *info, elf_image *image) {
    *image = (elf_image){.base = info->dlpi_addr};
    const ElfW(Dyn) *entry = NULL;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_DYNAMIC) entry = (const ElfW(Dyn) *)(info->dlpi_addr + part->p_vaddr);
        if (part->p_type == PT_GNU_RELRO) {
            /* The loader protects whole pages, and leaves the last one alone where it is not all relocations. */
            uintptr_t in_page = ~(uintptr_t)(elf.page - 1), begin = info->dlpi_addr + part->p_vaddr;
            image->relro_begin = begin & in_page;
            image->relro_end = (begin + part->p_memsz) & in_page;
        }
    }
    if (entry == NULL || strncmp(info->dlpi_name, "linux-vdso", 10) == 0) return false;
    for (; entry->d_tag != DT_NULL; entry++) {
        /* The loader turns the file's offsets into addresses, except in objects that it did not load itself. */
        uintptr_t address =
            entry->d_un.d_ptr < info->dlpi_addr ? info->dlpi_addr + entry->d_un.d_ptr : entry->d_un.d_ptr;
        switch (entry->d_tag) {
        case DT_SYMTAB: image->symbols = (const ElfW(Sym) *)address; break;
        case DT_STRTAB: image->strings = (const char *)address; break;
        case DT_RELA: image->tables[0] = (const ElfW(Rela) *)address; break;
        case DT_RELASZ: image->lengths[0] = entry->d_un.d_val / sizeof(ElfW(Rela)); break;
        case DT_JMPREL: image->tables[1] = (const ElfW(Rela) *)address; break;
        case DT_PLTRELSZ: image->lengths[1] = entry->d_un.d_val / sizeof(ElfW(Rela)); break;
        case DT_RPATH:
        case DT_RUNPATH: image->own_path = true; break;
        default: break;
        }
    }
    return image->symbols != NULL && image->strings != NULL;
}

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

/* Calls `visit` with every slot of the object that stands for a function with a hook. Needs no lock. */
static void elf_each_slot(const elf_image *image,
                          void (*visit)(void **slot, const elf_hook *hook, const elf_image *image, void *data),
                          void *data) {
    for (int t = 0; t < 2; t++) {
        for (size_t i = 0; image->tables[t] != NULL && i < image->lengths[t]; i++) {
            const ElfW(Rela) *entry = &image->tables[t][i];
            unsigned long type = ELF64_R_TYPE(entry->r_info);
            if (type != ELF_JUMP_SLOT && type != ELF_GLOB_DAT) continue;
            const elf_hook *hook = elf_hook_of(image->strings + image->symbols[ELF64_R_SYM(entry->r_info)].st_name);
            if (hook != NULL) visit((void **)(image->base + entry->r_offset), hook, image, data);
        }
    }
}

static void elf_write_slot(void **slot, void *value, bool read_only) {
    void *page = (void *)((uintptr_t)slot & ~(uintptr_t)(elf.page - 1));
    if (read_only && mprotect(page, (size_t)elf.page, PROT_READ | PROT_WRITE) != 0) return;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    if (read_only) mprotect(page, (size_t)elf.page, PROT_READ);
}

static void elf_patch_slot(void **slot, const elf_hook *hook, const elf_image *image, void *data) {
    elf_library *owner = data;
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
    bool read_only = (uintptr_t)slot >= image->relro_begin && (uintptr_t)slot < image->relro_end;
    owner->patches[owner->count++] = (elf_patch){slot, before, hook->function, read_only};
    elf_write_slot(slot, hook->function, read_only);
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
    elf_image image;
    if (info->dlpi_addr == elf.self || !elf_read(info, &image)) return 0;
    if (elf.library_count == elf.library_room) {
        int room = elf.library_room ? 2 * elf.library_room : 64;
        elf_library *bigger = realloc(elf.libraries, (size_t)room * sizeof *bigger);
        if (bigger == NULL) return 0;
        elf.libraries = bigger;
        elf.library_room = room;
    }
    elf_library library = {.base = info->dlpi_addr, .name = strdup(info->dlpi_name), .loaded = true};
    if (library.name == NULL) return 0;
    elf_each_slot(&image, elf_patch_slot, &library);
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
            elf_write_slot(patch->slot, patch->before, patch->read_only);
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

static void elf_count_slot(void **slot, const elf_hook *hook, const elf_image *image, void *data) {
    if (elf_is_hook(__atomic_load_n(slot, __ATOMIC_ACQUIRE))) ++*(long *)data;
}

static int elf_visit_count(struct dl_phdr_info *info, size_t size, void *data) {
    elf_image image;
    if (info->dlpi_addr != elf.self && elf_read(info, &image)) elf_each_slot(&image, elf_count_slot, data);
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
    elf.page = sysconf(_SC_PAGESIZE);
    elf.hooks = hooks;
    elf.hook_count = count;
    elf.self = elf_base_of(ours);
    elf.python = elf_base_of(pythons);
}

#endif
