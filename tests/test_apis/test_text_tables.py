from tskd_mm.apis.text_tables import markdown_table, screen_table

ROWS = [('method', 'AP'), ('student', '30.0'), ('TSKD', '5.25')]


def test_on_a_screen():
    assert screen_table(ROWS).splitlines() == [
        'method     AP',
        '-------------',
        'student  30.0',
        'TSKD     5.25',
    ]


def test_in_markdown():
    expected = '| method | AP |\n| --- | --: |\n| student | 30.0 |\n| TSKD | 5.25 |'
    assert markdown_table(ROWS) == expected
