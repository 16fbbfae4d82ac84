"""Colours and typefaces. The figures name them as `var(--held)`; the page's script puts in the theme's values.

The data colours start from Okabe and Ito's palette ("Color Universal Design", 2008), darkened or lightened
until each stands out by 3:1 from its paper; text stands out by 4.5:1 or more (tested).
"""

SANS = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif'
SERIF = 'Charter, "Bitstream Charter", "Iowan Old Style", "Palatino Linotype", Georgia, "Liberation Serif", serif'
MONO = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace'

LIGHT = {
    "paper": "#fdfcfa",
    "panel": "#f5f3ee",
    "ink": "#1d1c1a",
    "muted": "#63605a",
    "rule": "#d9d5cc",
    "grid": "#e9e6df",
    "link": "#00568a",
    "focus": "#0072b2",
    "held": "#d55e00",
    "released": "#0072b2",
    "auto": "#00805c",
    "own": "#8f5f80",
    "ceiling": "#6f6b64",
    "band": "#e4e0d7",
    "keyword": "#00568a",
    "string": "#8a3a00",
    "comment": "#6a675f",
    "number": "#7a4a6c",
}
DARK = {
    "paper": "#16181b",
    "panel": "#1f2226",
    "ink": "#e9e6e0",
    "muted": "#a5a199",
    "rule": "#3a3e44",
    "grid": "#2a2e33",
    "link": "#7cc4f0",
    "focus": "#56b4e9",
    "held": "#f2894a",
    "released": "#56b4e9",
    "auto": "#2fbf93",
    "own": "#cc8fb8",
    "ceiling": "#a8a39a",
    "band": "#33373c",
    "keyword": "#7cc4f0",
    "string": "#f0a878",
    "comment": "#9a968d",
    "number": "#d9a6c8",
}
