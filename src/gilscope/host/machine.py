"""The machine: processor, caches, governor, and what it runs in."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from gilscope.host.files import ROOT, field, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One cache of the first CPU, as the system describes it."""

    level: int
    kind: str = ""
    """"Data", "Instruction" or "Unified"."""
    size: str = ""
    """Such as "32K"."""
    cpus: str = ""
    """The CPUs that share it, such as "0-3"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The hardware, as far as the system tells; None where it does not."""

    cpu: str | None = None
    """The processor's model."""
    architecture: str | None = None
    vector: str | None = None
    """The level of vector code that the kernels use here: "baseline" or "avx2"."""
    caches: tuple[Cache, ...] = ()
    governor: str | None = None
    driver: str | None = None
    system: str | None = None
    container: str | None = None
    virtual: str | None = None


def machine(vector: str | None, root: Path = ROOT) -> Machine:
    """This machine. vector: the level of vector code that the kernels use."""
    frequency = root / "sys/devices/system/cpu/cpu0/cpufreq"
    return Machine(
        cpu=field(read(root / "proc/cpuinfo"), "model name") or platform.processor() or None,
        architecture=platform.machine(),
        vector=vector,
        caches=_caches(root),
        governor=read(frequency / "scaling_governor") or None,
        driver=read(frequency / "scaling_driver") or None,
        system=platform.platform(),
        container=_container(root),
        virtual=_virtual(root),
    )


def _caches(root: Path) -> tuple[Cache, ...]:
    folders = sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*"))
    return tuple(
        Cache(
            level=int(read(folder / "level")),
            kind=read(folder / "type"),
            size=read(folder / "size"),
            cpus=read(folder / "shared_cpu_list"),
        )
        for folder in folders
        if read(folder / "level").isdigit()
    )


def _container(root: Path) -> str | None:
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    match = re.search(r"docker|kubepods|lxc|containerd|libpod", read(root / "proc/1/cgroup"))
    return match[0] if match else os.environ.get("container")  # noqa: SIM112  (systemd spells it so)


def _virtual(root: Path) -> str | None:
    product = read(root / "sys/class/dmi/id/product_name")
    if re.search(r"virtual|kvm|qemu|vmware|bochs|xen|hvm|compute engine|ec2|droplet", product, re.IGNORECASE):
        return product
    kernel = read(root / "proc/sys/kernel/osrelease")
    if "microsoft" in kernel.lower():
        return "WSL"
    flags = field(read(root / "proc/cpuinfo"), "flags").split()
    return "hypervisor" if "hypervisor" in flags else None
