from mmim_live.model.tokenizer import TextTokenizer
from tests.model.small import small_tokenizer


def test_casing_and_punctuation_do_not_matter() -> None:
    tokenizer = small_tokenizer()
    assert tokenizer.ids("I LOVE this movie!") == tokenizer.ids("i love this movie") == [2, 4, 5, 7, 8, 3]


def test_a_text_without_words_has_no_tokens() -> None:
    ids, mask = small_tokenizer().encode(["...", "love", ""])
    assert ids.shape == mask.shape == (3, 3)
    assert mask.sum(dim=1).tolist() == [0, 3, 0]
    assert small_tokenizer().encode([])[0].shape == (0, 0)


def test_long_texts_lose_their_beginning_but_keep_the_special_tokens() -> None:
    ids = small_tokenizer(max_tokens=5).ids("i love this movie really")
    assert ids == [2, 7, 8, 9, 3]


def test_the_given_tokenizer_is_not_modified() -> None:
    long = small_tokenizer(max_tokens=12)
    TextTokenizer(long._tokenizer, 4)
    assert len(long.ids("i love this movie really")) == 7
