/* One loaded 64-bit ELF object: its headers, and the slots of its import table. Never sees Python, needs no lock. */
#ifndef GILSCOPE_SCOPE_IMAGE_H
#define GILSCOPE_SCOPE_IMAGE_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__
enum { IMAGE_JUMP_SLOT = R_X86_64_JUMP_SLOT, IMAGE_GLOB_DAT = R_X86_64_GLOB_DAT };
#else
enum { IMAGE_JUMP_SLOT = R_AARCH64_JUMP_SLOT, IMAGE_GLOB_DAT = R_AARCH64_GLOB_DAT };
#endif

/* What an object says of itself. */
typedef struct {
    uintptr_t base, begin, end; /* what it is loaded by, and the addresses that it takes up */
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Rela) * tables[2]; /* of data and of the procedure linkage table */
    size_t lengths[2];
    bool own_path;                    /* has a RUNPATH or RPATH of its own */
    uintptr_t relro_begin, relro_end; /* made read-only after it was relocated */
} image_object;

/* Is told of one slot, and the symbol that it stands for. */
typedef void image_visit(void **slot, const char *symbol, const image_object *image, void *data);

static uintptr_t image_page_of(uintptr_t address) { return address & ~(uintptr_t)(sysconf(_SC_PAGESIZE) - 1); }

/* Reads an object's headers. False if it has no dynamic section, or nothing to relocate. */
static bool image_read(const struct dl_phdr_info *info, image_object *image) {
    *image = (image_object){.base = info->dlpi_addr, .begin = UINTPTR_MAX};
    const ElfW(Dyn) *entry = NULL;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr, end = begin + part->p_memsz;
        if (part->p_type == PT_DYNAMIC) entry = (const ElfW(Dyn) *)begin;
        if (part->p_type == PT_GNU_RELRO) {
            /* The loader protects whole pages, and leaves the last one alone where it is not all relocations. */
            image->relro_begin = image_page_of(begin);
            image->relro_end = image_page_of(end);
        }
        if (part->p_type == PT_LOAD && begin < image->begin) image->begin = begin;
        if (part->p_type == PT_LOAD && end > image->end) image->end = end;
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

/* Calls `visit` with every slot of the object that stands for a function. */
static void image_each_slot(const image_object *image, image_visit *visit, void *data) {
    for (int t = 0; t < 2; t++) {
        for (size_t i = 0; image->tables[t] != NULL && i < image->lengths[t]; i++) {
            const ElfW(Rela) *entry = &image->tables[t][i];
            unsigned long type = ELF64_R_TYPE(entry->r_info);
            if (type != IMAGE_JUMP_SLOT && type != IMAGE_GLOB_DAT) continue;
            const char *symbol = image->strings + image->symbols[ELF64_R_SYM(entry->r_info)].st_name;
            visit((void **)(image->base + entry->r_offset), symbol, image, data);
        }
    }
}

static bool image_is_read_only(const image_object *image, void **slot) {
    return (uintptr_t)slot >= image->relro_begin && (uintptr_t)slot < image->relro_end;
}

/* A process may be forbidden to write to such a page: then the slot stays as it is. */
static void image_write_slot(void **slot, void *value, bool read_only) {
    long size = sysconf(_SC_PAGESIZE);
    void *page = (void *)image_page_of((uintptr_t)slot);
    if (read_only && mprotect(page, (size_t)size, PROT_READ | PROT_WRITE) != 0) return;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    if (read_only) mprotect(page, (size_t)size, PROT_READ);
}

#endif
