"""Preprocessing of a source's input: formulas of the pixel, and words."""

import re

import numpy as np
import pytest

from xnorloom.errors import SourceError
from xnorloom.frontend import preprocessing

PIXELS = np.arange(256, dtype=np.uint8)


def float32(values):
    return np.asarray(values, np.float32)


FORMULAS = {
    "u8": float32(PIXELS),
    "u8/255": float32(PIXELS) / float32(255),
    "u8/127.5-1": float32(PIXELS) / float32(127.5) - float32(1),
    "(u8/255-0.1307)/0.3081":
        (float32(PIXELS) / float32(255) - float32(0.1307)) / float32(0.3081),
    " 1 - u8 / 255 ": float32(1) - float32(PIXELS) / float32(255),
    "-u8*2": float32(PIXELS) * float32(-2),
    "u8/(250+5)": float32(PIXELS) / float32(255),
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_formula_is_worked_out_operation_by_operation(formula):
    levels = preprocessing.levels(formula)
    assert levels.dtype == np.float32
    np.testing.assert_array_equal(levels, FORMULAS[formula])
    np.testing.assert_array_equal(preprocessing.numbers(formula, PIXELS[::-1]),
                                  FORMULAS[formula][::-1])


def test_types():
    np.testing.assert_array_equal(preprocessing.levels("u8", np.uint8), PIXELS)
    np.testing.assert_array_equal(preprocessing.levels("u8/255", np.float64), PIXELS / 255)
    assert preprocessing.levels("u8/2", np.float16).dtype == np.float16


def test_words_take_the_top_bit():
    assert preprocessing.levels("bits").tolist() == [0, 1]
    assert preprocessing.levels("bipolar").tolist() == [-1, 1]
    pixels = np.array([[0, 127], [128, 255]], np.uint8)
    assert preprocessing.numbers("bipolar", pixels).tolist() == [[-1, -1], [1, 1]]


@pytest.mark.parametrize("text", [
    "", "x", "u8**2", "(((", "u8,", "u8 if u8 else 1", "__import__('os')", "abs(u8)", "True*u8",
    "u8/'a'", "u8" + "+1" * 100, "1j*u8", "u8\0", "u8//2", "u8 > 3", "-" * 90 + "u8/",
])
def test_no_preprocessing(text):
    with pytest.raises(SourceError, match=rf"^preprocessing must be a formula of u8 such as "
                                          rf"u8/255, or one of bits, bipolar, not "
                                          rf"{re.escape(repr(text))}$"):
        preprocessing.check(text)


@pytest.mark.parametrize("text, message", [
    ("2", r"^preprocessing .* or one of bits, bipolar, but '2' has no u8 in it$"),
    ("u8/0", r"^preprocessing must give a finite number for every pixel, but 'u8/0' "),
    ("u8+1/0", r"^preprocessing must give a finite number for every pixel, but 'u8\+1/0' "),
    ("u8*1e999", r"^preprocessing must give a finite number for every pixel, but "),
])
def test_wrong_formula(text, message):
    with pytest.raises(SourceError, match=message):
        preprocessing.levels(text)


def test_numbers_that_the_type_cannot_hold():
    with pytest.raises(SourceError, match=r"^the source takes uint8 numbers, and 'u8/255' gives "
                                          r"others$"):
        preprocessing.levels("u8/255", np.uint8)
    with pytest.raises(SourceError, match=r"^the source takes uint8 numbers, and 'bipolar' gives "):
        preprocessing.levels("bipolar", np.uint8)


def test_wrong_type():
    with pytest.raises(TypeError, match=r"^preprocessing must be a string, not 3$"):
        preprocessing.check(3)
