"""Bad input: every native function of a kernel raises the same exception with the same message, and writes nothing."""

import inspect
import warnings

import numpy as np
import pytest
from cells import functions, inputs

from gilscope.kernels import Array, Choice, Count, Items, Real, Text, load

OTHER_DTYPES = ("bool", "int8", "uint8", "uint16", "int32", "uint32", "int64", "uint64")
OTHER_DTYPES += ("float16", "float32", "float64", "longdouble", "complex64", "complex128", "S4", "U1", "O")


class Hostile:
    """Raises from whatever a conversion calls."""

    def refuse(self, *arguments):
        raise ZeroDivisionError("asked")

    __index__ = __float__ = __int__ = __len__ = __iter__ = __buffer__ = refuse


def misaligned(good):
    """The same values one byte off their alignment."""
    raw = np.zeros(good.nbytes + 1, np.uint8)[1:].view(good.dtype).reshape(good.shape)
    raw[...] = good
    return raw


def packed(good):
    """The same values as the fields of 1 + itemsize byte records that begin aligned: items after the first are not."""
    records = np.zeros(good.shape, [("value", good.dtype), ("byte", np.uint8)])
    records["value"] = good
    return records["value"]


def read_only(good):
    copy = good.copy()
    copy.setflags(write=False)
    return copy


def released_view(good):
    view = memoryview(good.copy())
    view.release()
    return view


def bad_arrays(argument):
    dtype = np.dtype(argument.dtype)
    for other in OTHER_DTYPES:
        if np.dtype(other) != dtype:
            yield f"dtype {other}", lambda good, other=other: np.zeros(good.shape, other)
    yield "dtype record", lambda good: np.zeros(good.shape, [("value", good.dtype)])
    if dtype.itemsize > 1:
        yield "byte-swapped", lambda good: good.astype(dtype.newbyteorder())
        yield "misaligned", misaligned
    yield "no dimensions", lambda good: np.zeros((), dtype)
    yield "a dimension more", lambda good: good[np.newaxis].copy()
    if argument.dimensions > 1:
        yield "a dimension less", lambda good: good.reshape(-1).copy()
    if argument.contiguous:
        yield "strided", lambda good: np.repeat(good, 2, axis=-1)[..., ::2]
        yield "reversed", lambda good: good[::-1].copy()[::-1]
        yield "packed", packed
        if argument.dimensions > 1:
            yield "Fortran order", lambda good: good.copy(order="F")
            yield "row gaps", lambda good: np.repeat(good, 2, axis=0)[::2]
    elif dtype.itemsize > 1:
        yield "packed", packed
    if argument.writable:
        yield "read-only", read_only
        yield "bytes", lambda good: memoryview(good.tobytes()).cast("B").cast(dtype.char, good.shape)
    for value in (None, 3, 0.5, "text", [1.0, 2.0], object()):
        yield f"{type(value).__name__}", lambda good, value=value: value


def bad_values(argument):
    """(label, good value -> bad value) for one argument."""
    match argument:
        case Array():
            yield from bad_arrays(argument)
            return
        case Count(low=low, high=high):
            values = [low - 1, -1, high + 1, 2**63, 2**64, -(2**63) - 1, 2**200, -(2**200)]
            values = [value for value in values if not low <= value <= high]
            values += [1.5, float("nan"), np.float64(2), "1", b"1", None, [1], 1j]
        case Real(positive=positive):
            values = [float("nan"), float("inf"), -float("inf"), np.float32("nan"), 10**400, -(10**400)]
            values += ["1.5", b"1", None, [1.0], 1j] + [0, 0.0, -0.0, -1.0, -5e-324] * positive
        case Text():
            values = [b"text", None, 3, ["t"], bytearray(b"text")]
        case Choice(options=options):
            values = ["", options[0] + " ", options[0].upper(), "nope", "x" * 10_000, "\0", "\ud800"]
            values += [b"nope", None, 3, options]
        case Items(of=of):
            values = [None, 3, "text", {}, np.zeros(4)]
            yield "tuple", tuple
            yield "generator", iter
            for wrong in (None, b"x", object(), [], *([3] if of == "str" else ["3"])):
                label = f"item 3 is {type(wrong).__name__}"
                yield label, lambda good, wrong=wrong: [*good[:3], wrong, *good[4:]]
    for value in values:
        yield f"{value!r:.20}", lambda good, value=value: value


CASES = [
    pytest.param(kernel, place, make, id=f"{kernel.name}-{argument.name}-{label}")
    for kernel in load().values()
    for place, argument in enumerate(kernel.arguments)
    for label, make in bad_values(argument)
]


def error_of(function, arguments, keywords=None):
    """The type and the message of what the call raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function(*arguments, **(keywords or {}))
    except Exception as error:
        return type(error), str(error)
    return None


def errors_of(kernel, arguments):
    """The one error that all native functions of the kernel raise. None of them writes to any array."""
    errors = {}
    for name, function in functions(kernel).items():
        arrays = [value for value in arguments if isinstance(value, np.ndarray)]
        before = [array.tobytes() for array in arrays]
        errors[name] = error_of(function, arguments)
        assert [array.tobytes() for array in arrays] == before, f"{name} wrote before it refused"
    assert len(set(errors.values())) == 1, errors
    return errors["capi"]


def filled(kernel, arguments):
    """The arguments with something in the output that a write would change."""
    if kernel.out is None:
        return list(arguments)
    place = [argument.name for argument in kernel.arguments].index(kernel.out)
    out = np.full_like(arguments[place], 77)
    return [*arguments[:place], out, *arguments[place + 1 :]]


@pytest.mark.parametrize(("kernel", "place", "make"), CASES)
def test_bad_argument(kernel, place, make):
    arguments = filled(kernel, inputs(kernel.name, "tiny"))
    arguments[place] = make(arguments[place])
    error = errors_of(kernel, arguments)
    assert error is not None, "accepted"
    kind, message = error
    assert kind in (TypeError, ValueError)
    assert message.startswith(f"{kernel.name}: {kernel.arguments[place].name}")
    assert len(message) < 400


def test_errors_of_the_arguments_own_code_come_through(kernel):
    for place, argument in enumerate(kernel.arguments):
        arguments = filled(kernel, inputs(kernel.name, "tiny"))
        if isinstance(argument, Array):
            arguments[place] = released_view(arguments[place])
            assert errors_of(kernel, arguments)[0] is ValueError
            arguments[place] = np.zeros(arguments[place - 1].shape if place < 0 else 3, "datetime64[s]")
            assert errors_of(kernel, arguments) is not None
        elif isinstance(argument, Count | Real):
            arguments[place] = Hostile()
            assert errors_of(kernel, arguments) == (ZeroDivisionError, "asked")


def test_shapes_that_do_not_fit_each_other(kernel):
    """Other lengths than the rest expects: refused by all or taken by all, and nobody crashes. Rows or columns
    without items may be as many as an address space has bytes."""
    for place, argument in enumerate(kernel.arguments):
        if not isinstance(argument, Array):
            continue
        good = inputs(kernel.name, "tiny")[place]
        shapes = [(*good.shape[:-1], length) for length in (0, 1, good.shape[-1] - 1, good.shape[-1] + 1)]
        if argument.dimensions > 1:
            shapes += [(0, *good.shape[1:]), (len(good) + 1, *good.shape[1:])]
            huge = 2**62 // good.itemsize
            shapes += [(0,) * (argument.dimensions - 1) + (huge,), (huge,) + (0,) * (argument.dimensions - 1)]
        for shape in shapes:
            arguments = filled(kernel, inputs(kernel.name, "tiny"))
            arguments[place] = np.zeros(shape, argument.dtype)
            errors = {name: error_of(function, arguments) for name, function in functions(kernel).items()}
            assert len(set(errors.values())) == 1, (argument.name, shape, errors)
            if errors["capi"] is not None:
                assert errors["capi"][0] is ValueError
                assert errors["capi"][1].startswith(f"{kernel.name}: ")


def test_output_that_overlaps_an_input(kernel):
    names = [argument.name for argument in kernel.arguments]
    sources = [
        place
        for place, argument in enumerate(kernel.arguments)
        if isinstance(argument, Array) and not argument.writable and kernel.out is not None
    ]
    if not sources:
        pytest.skip("writes nothing while it reads a buffer")
    for place in sources:
        arguments = filled(kernel, inputs(kernel.name, "tiny"))
        source, out = arguments[place], arguments[names.index(kernel.out)]
        memory = np.zeros(source.nbytes + out.nbytes, np.uint8)
        start = (source.nbytes - 1) // out.itemsize * out.itemsize  # the last item or items of `source`
        arguments[place] = memory[: source.nbytes].view(source.dtype).reshape(source.shape)
        arguments[names.index(kernel.out)] = memory[start : start + out.nbytes].view(out.dtype).reshape(out.shape)
        kind, message = errors_of(kernel, arguments)
        assert kind is ValueError
        assert message.startswith(f"{kernel.name}: {kernel.out} must not overlap {names[place]}")


@pytest.mark.parametrize("policy", ["nope", "", "HELD", "held\0", "\ud800", "x" * 1000, 3, None, b"held", ["held"]])
def test_bad_policy(kernel, policy):
    errors = {
        name: error_of(function, filled(kernel, inputs(kernel.name, "tiny")), {"policy": policy})
        for name, function in functions(kernel).items()
        if name != "openmp"
    }
    assert errors["capi"] == errors["cython"]
    kind, message = errors["capi"]
    assert kind is (ValueError if isinstance(policy, str) else TypeError)
    assert message.startswith(f"{kernel.name}: policy must be")


WITH_OPENMP = [kernel for kernel in load().values() if "openmp" in functions(kernel)]


@pytest.mark.parametrize("kernel", WITH_OPENMP, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("threads", [0, -1, 1025, 2**63, 2**200, 1.5, "2", None])
def test_bad_threads(kernel, threads):
    function = functions(kernel)["openmp"].func
    kind, message = error_of(function, filled(kernel, inputs(kernel.name, "tiny")), {"threads": threads})
    assert kind is (ValueError if isinstance(threads, int) else TypeError)
    assert message.startswith(f"{kernel.name}: threads must be")


def test_release_is_refused_where_it_is_impossible(kernel):
    arguments = filled(kernel, inputs(kernel.name, "tiny"))
    errors = {
        name: error_of(function, arguments, {"policy": "released"})
        for name, function in functions(kernel).items()
        if name != "openmp"
    }
    assert errors["capi"] == errors["cython"]
    assert (errors["capi"] is None) == kernel.releases


def test_wrong_number_of_arguments(kernel):
    """Python words these in its own way for a Cython function, so here only the type is the same."""
    good = filled(kernel, inputs(kernel.name, "tiny"))
    given = dict(zip(inspect.signature(kernel.python).parameters, good, strict=True))
    needed = [p.name for p in inspect.signature(kernel.python).parameters.values() if p.default is p.empty]
    calls = [
        ((), {}),
        ((*good, "held"), {}),
        ((*good, None, None), {}),
        (good, {"unknown": 1}),
        (good, {"polic\ud800y": "held"}),
        (good, {next(iter(given)): good[0]}),
        *(((), {name: value for name, value in given.items() if name != missing}) for missing in needed),
    ]
    for arguments, keywords in calls:
        for name, function in functions(kernel).items():
            error = error_of(function, arguments, keywords)
            assert error is not None, (name, len(arguments), list(keywords))
            assert error[0] is TypeError, (name, len(arguments), list(keywords))
            assert error[1].startswith(f"{kernel.name}()" if name != "openmp" else f"{kernel.name}_openmp()"), error
