from incm_webhook.cli.view.table import columns_of, cut, layout, wrap


def test_wide_characters_take_two_columns() -> None:
    assert columns_of("router") == 6
    assert columns_of("仓库-1") == 6
    assert columns_of("e\N{COMBINING ACUTE ACCENT}") == 1


def test_texts_are_cut_to_columns() -> None:
    assert cut("router", 6) == "router"
    assert cut("router-1", 6) == "route…"
    assert cut("仓库仓库", 6) == "仓库…"
    assert cut("仓库仓库", 4) == "仓…"


def test_texts_are_wrapped_between_words() -> None:
    assert wrap("one two three", None) == ["one two three"]
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("one twothreefour", 6) == ["one", "twothr", "eefour"]
    assert wrap("仓库仓库 仓库", 6) == ["仓库仓", "库", "仓库"]
    assert wrap("", 6) == [""]


def test_tables_are_aligned_and_harmless() -> None:
    lines = layout(
        ("ID", "NAME", "WHAT"),
        [("7", "仓库", "a\x1b[31mb"), ("12", "router", "")],
        width=None,
        right={"ID"},
    )
    assert lines == [
        "ID  NAME    WHAT",
        " 7  仓库    a\\x1b[31mb",
        "12  router",
    ]


def test_the_widest_columns_give_way() -> None:
    rows = [("2026-11-24 10:00:03", "a" * 30, "b" * 60)]
    head, line = layout(("WHEN", "ONE", "TWO"), rows, width=60, whole={"WHEN"})
    assert columns_of(line) == 60
    assert line == f"2026-11-24 10:00:03  {'a' * 17}…  {'b' * 18}…"
    assert head.startswith("WHEN   ")


def test_a_table_that_cannot_be_so_narrow_stays_readable() -> None:
    (_, line) = layout(("A", "B"), [("a" * 20, "b" * 20)], width=5)
    assert line == "aaaaa…  bbbbb…"
