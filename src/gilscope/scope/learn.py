"""The wait ledger learns where the GIL is: once in a process, some milliseconds (ext/scope/learn.h)."""

import sys
from importlib import import_module

INTERVAL = 5e-4
"""The switch interval meanwhile, in seconds: the probe waits for one before it has this thread forced off."""


def learn() -> str | None:
    """Why this interpreter can have no wait ledger, in a few words; None where it can."""
    ledger = import_module("gilscope.scope._waits")
    usual = sys.getswitchinterval()
    sys.setswitchinterval(INTERVAL)
    try:
        reason: str | None = ledger.provoke()
        while ledger.provoking():  # bytecode, so that the evaluation loop gives way
            pass
    finally:
        sys.setswitchinterval(usual)
        refused: str | None = ledger.learnt()
    return reason or refused
