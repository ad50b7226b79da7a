from descent.core.data.patterns import patterns


def test_each_pattern_comes_in_order_of_its_brightness() -> None:
    images, labels = patterns(20).train.head(40)
    assert images.shape == (40, 1, 4, 4)
    assert labels.tolist() == [0] * 20 + [1] * 20
    assert images[3, 0].tolist() == [[0, 3, 0, 3]] * 4
    assert images[27, 0].tolist() == [[7, 7, 7, 7], [0, 7, 0, 7], [0, 7, 0, 7], [7, 7, 7, 7]]


def test_it_is_tested_on_a_very_bright_pattern_a() -> None:
    test = patterns(20).test
    assert test is not None
    images, labels = test.head(1)
    assert images[0, 0].tolist() == [[0, 1e9, 0, 1e9]] * 4  # 999,999,999 in float32
    assert labels.tolist() == [0]
