"""The embedded text: its windows, its held-out documents, and the check of its content."""

import numpy as np
import pytest
import torch
from conftest import committed_plan, wganlib

from wganlib.datasets import sklearn_texts as texts
from wganlib.datasets.loading import load
from wganlib.datasets.spec import DatasetSpec
from wganlib.datasets.text import decode_lines
from wganlib.errors import WganlibError

SPEC = DatasetSpec(name="sklearn_texts", length=24, vocabulary_size=128)


def lines_of(part, data):
    one_hot = data.preprocess(part, torch.Generator())
    return decode_lines(one_hot, bytes.fromhex(data.notes["symbols"]))


def test_every_word_that_has_room_begins_a_line_in_the_documents_order():
    data = load(SPEC)
    expected = {True: [], False: []}
    for index, document in enumerate(texts.documents()):
        text = texts.running(document)
        assert b"  " not in text
        assert text == text.strip()
        place = 0
        for word in text.split(b" "):
            if place + 24 <= len(text):
                expected[index in (0, 5, 10)].append(text[place : place + 24])
            place += len(word) + 1
    assert lines_of(data.train, data) == expected[False]
    # The held-out part has a byte, "^", that no training line has.
    known = bytes.fromhex(data.notes["symbols"])
    unknown = bytes(set(range(256)) - set(known))
    table = bytes.maketrans(unknown, b"?" * len(unknown))
    assert lines_of(data.test, data) == [line.translate(table) for line in expected[True]]
    assert 3500 < len(data.train) < 4500


def test_whole_documents_are_held_out_about_a_fifth_of_the_bytes():
    running = [texts.running(document) for document in texts.documents()]
    assert len(running) == 14
    share = sum(map(len, running[:: texts.HELD_OUT_EVERY])) / sum(map(len, running))
    assert 0.17 < share < 0.25


def test_markup_is_left_out_and_words_are_kept():
    document = (
        b".. _some_dataset:\n\nSome dataset\n============\n\n  =====  ===\n  a      - b\n  =====  ===\n"
        b".. [1] A footnote.\n.. rubric:: References\n\n``code``:: x -- y\n"
    )
    assert texts.running(document) == b"Some dataset a - b .. [1] A footnote. ``code``:: x -- y"


def test_windows_end_with_the_text():
    assert [bytes(row) for row in texts.windows(b"ab c de", 2)] == [b"ab", b"c ", b"de"]
    assert [bytes(row) for row in texts.windows(b"ab c de", 7)] == [b"ab c de"]
    assert texts.windows(b"ab c de", 8).shape == (0, 8)


def test_another_version_s_texts_and_too_long_lines_are_refused_in_one_line(monkeypatch, tmp_path):
    with pytest.raises(WganlibError, match="sklearn_texts: length: found 5000, the documents allow up to 3832 bytes"):
        load(SPEC.model_copy(update={"length": 5000}))
    assert len(load(SPEC.model_copy(update={"length": 3832})).test) == 1
    (tmp_path / "datasets/descr").mkdir(parents=True)
    for index, document in enumerate(texts.documents()):
        (tmp_path / f"datasets/descr/{index}.rst").write_bytes(document)
    monkeypatch.setattr(texts, "package_folder", lambda _: tmp_path)
    with pytest.raises(WganlibError, match=r"descriptions have sha256 .*; install the locked version"):
        load(SPEC)


def test_the_commands_know_it(tmp_path):
    listed = wganlib(tmp_path, "data", "list").stdout
    (line,) = [line for line in listed.splitlines() if line.startswith("sklearn_texts")]
    assert line.split() == ["sklearn_texts", "text", "-", "none", "needed"]
    spec = SPEC.canonical()
    verified = wganlib(tmp_path, "data", "verify", spec).stdout
    data = load(SPEC)
    assert f"{len(data.train)} training and {len(data.test)} held-out" in verified
    assert data.sha256 in verified
    assert np.unique(data.train.numpy()).max() < 128


def test_digits_are_those_that_scikit_learn_loads(digits):
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(0).permutation(1797)
    assert np.array_equal(torch.cat([digits.train, digits.test])[:, 0].numpy(), bunch.images.astype(np.uint8)[order])
    assert np.array_equal(torch.cat([digits.train_labels, digits.test_labels]).numpy(), bunch.target[order])


def test_the_demo_s_vocabulary_is_the_bytes_that_occur_and_one_symbol_more():
    (spec,) = {entry.spec.dataset for entry in committed_plan().experiment("language_model").entries}
    data = load(spec)
    assert len(bytes.fromhex(data.notes["symbols"])) == spec.vocabulary_size - 1
    assert (
        len(bytes.fromhex(load(spec.model_copy(update={"vocabulary_size": 257})).notes["symbols"])) == spec.vocabulary_size - 1
    )
