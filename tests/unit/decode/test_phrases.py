"""What edits write on their own, remembered."""

from concurrent.futures import ThreadPoolExecutor

from langchain_metaaligner.decode.phrases import Phrases


def test_a_phrase_is_found_while_it_is_written():
    phrases = Phrases()
    first = phrases.write([7, 20, 21, 22])
    assert phrases.after([7, 20]) == [21, 22]
    phrases.write([23], first)
    assert phrases.after([7, 20]) == [21, 22, 23]
    assert phrases.after([20]) == phrases.after([]) == phrases.after([20, 7]) == []


def test_one_who_writes_the_same_hides_nothing():
    phrases = Phrases()
    phrases.write([7, 20, 21, 22, 23, 24])
    phrases.write([7, 20, 21])
    assert phrases.after([20, 21]) == [22, 23, 24]


def test_what_came_otherwise_is_foretold_anew():
    phrases = Phrases()
    phrases.write([7, 20, 21, 22])
    phrases.write([7, 20, 31, 32])
    assert phrases.after([7, 20]) == [31, 32]


def test_the_oldest_give_way_to_the_new():
    phrases = Phrases(most=100)
    for start in range(0, 5000, 10):
        phrases.write(range(start, start + 10))
        assert len(phrases) <= 100
    assert phrases.after([4990, 4991]) == list(range(4992, 5000))
    assert phrases.after([4950, 4951]) == list(range(4952, 4960))
    assert phrases.after([0, 1]) == []


def test_what_is_used_stays():
    phrases = Phrases(most=100)
    phrases.write(range(9000, 9005))
    for start in range(0, 5000, 10):
        phrases.write(range(start, start + 10))
        for at in range(9000, 9003):
            assert phrases.after([at, at + 1]) == list(range(at + 2, 9005))


def test_none_are_remembered_where_that_is_switched_off():
    phrases = Phrases(most=0)
    phrases.write([7, 20, 21, 22])
    assert phrases.after([7, 20]) == []
    assert len(phrases) == 0


def test_many_threads_write_at_once():
    phrases = Phrases()

    def write(start):
        for _ in range(200):
            phrase = phrases.write([start, start + 1])
            for step in range(2, 30):
                phrases.write([start + step], phrase)
        return phrases.after([start, start + 1])

    with ThreadPoolExecutor(8) as pool:
        starts = range(0, 800, 100)
        assert list(pool.map(write, starts)) == [
            list(range(start + 2, start + 30)) for start in starts
        ]
