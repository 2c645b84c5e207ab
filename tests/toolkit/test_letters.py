"""Labels and numbers in the languages of other studies: where a text says them, and where not."""

from __future__ import annotations

import unicodedata

import attrs
import pytest

from brainplug.api.records import Turn
from brainplug.tasks.forms import AnswerForms
from brainplug.tasks.rewording import find_value
from brainplug.tasks.task import read_answer, task_file
from brainplug.tasks.telling import find_spans
from brainplug.toolkit.letters import file_name, find_said
from brainplug_plugins.heads.categorical import ClassAnswers, check_words
from brainplug_plugins.heads.numerical import NumberAnswers
from small import make_number_task, make_task

KOREAN, CHINESE, JAPANESE = ("남성", "여성"), ("男性", "女性"), ("男", "女")
TURKISH, FINNISH, ARABIC = ("kadın", "erkek"), ("nainen", "mies"), ("ذكر", "أنثى")


@pytest.mark.parametrize(
    ("labels", "text", "label"),
    [
        (KOREAN, "비교 결과 남성입니다.", "남성"),
        (KOREAN, "비교 결과: 여성", "여성"),
        (KOREAN, unicodedata.normalize("NFD", "비교 결과 남성입니다."), "남성"),
        (KOREAN, "남성이 아니라 여성입니다.", None),
        (("정상", "환자"), "검사 결과 비정상입니다.", None),
        (("정상", "비정상"), "검사 결과 비정상입니다.", "비정상"),
        (("MCI", "정상"), "결과는 MCI입니다.", "MCI"),
        (CHINESE, "比较结果是男性。", "男性"),
        (CHINESE, "比较结果是女性，不是男性。", None),
        (("抑郁", "对照"), "结果为非抑郁。", None),
        (("抑郁", "非抑郁"), "结果为非抑郁。", "非抑郁"),
        (("AD", "对照"), "结果是AD。", "AD"),
        (JAPANESE, "比較の結果、女です。", "女"),
        (JAPANESE, "男女とも。", None),
        (("うつ病", "健常"), "この人はうつ病です。", "うつ病"),
        (("ชาย", "หญิง"), "ผลการเปรียบเทียบคือหญิงครับ", "หญิง"),
        (ARABIC, "الشخص أنثى.", "أنثى"),
        (ARABIC, "الشخص ذَكَر.", "ذكر"),
        (ARABIC, "الشخص مذكر.", None),
        (TURKISH, "Kişi KADIN.", "kadın"),
        (TURKISH, "Kişi Kadın'dır.", "kadın"),
        (("İyi", "Kötü"), "Sonuç: İYİ", "İyi"),
        (("İyi", "Kötü"), "Sonuç: iyi", "İyi"),
        (FINNISH, "Tutkittava on Nainen.", "nainen"),
        (FINNISH, "Tulos: mies-ryhmä", None),
        (("женщина", "мужчина"), "Это МУЖЧИНА.", "мужчина"),
        (("άνδρας", "γυναίκα"), "Είναι ΓΥΝΑΊΚΑ.", "γυναίκα"),
        (("पुरुष", "महिला"), "यह महिला है।", "महिला"),
        (("male", "female"), "It is ｆｅｍａｌｅ.", "female"),
        (("male", "female"), "It is female.", "female"),
        (("male", "female"), "Many males.", None),
        (("man", "woman"), "There are many humans.", None),
        (("depressed", "control"), "It is non-depressed.", None),
    ],
)
def test_a_label_is_read_in_its_language(labels, text, label):
    """Within no other word, with Korean endings, amid Chinese, whatever form its letters have."""
    assert label == ClassAnswers(labels).parse(text)


def test_labels_that_only_a_dot_tells_apart_stay_apart():
    """Where two labels differ by a dotless i alone, neither is read for the other."""
    answers = ClassAnswers(("kın", "kin"))

    assert ("kın", "kin") == (answers.parse("kın"), answers.parse("KIN"))
    check_words(["kın", "kin"])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("나이는 45.3세입니다.", 45.3),
        ("나이는 45.3 세입니다.", 45.3),
        ("年龄是45.3岁。", 45.3),
        ("年龄是-1.5。", -1.5),
        ("年龄，45岁", 45.0),
        ("年齢は４５．３歳です。", 45.3),
        ("العمر ٤٥٫٣ سنة.", 45.3),
        ("العمر ۴۵ سنة.", 45.0),
        ("อายุ๔๕ปี", 45.0),
        ("Yaş 45.3'tür.", 45.3),
        ("Ikä on 45.3 vuotta.", 45.3),
        ("Ikä on 45,3 vuotta.", None),
        ("العمر ٤٥٬٣ سنة.", None),
        ("年龄是45，男性3人。", None),
        ("age45 is no number, nor 10-12", None),
        ("나이 T45", None),
    ],
)
def test_a_number_is_read_in_its_language(text, number):
    """Digits and signs of any script; a comma stays a decimal point here and none there."""
    assert number == NumberAnswers(precision=1).parse(text)


def test_the_name_of_a_target_is_no_answer_in_korean():
    """Its digits go, with the particle behind it left."""
    answers = NumberAnswers(precision=0, names=("검사1",), unit="점")

    assert 45.0 == answers.parse("검사1은 45점입니다.")


ENDINGS = [
    (TURKISH, "Kişi kadındır.", "Kişi erkekdır.", "kadın", "erkek"),
    (
        ("terve", "sairas"),
        "Hänet luokitellaan terveksi.",
        "Hänet luokitellaan SAIRASksi.",
        "terve",
        1,
    ),
]


@pytest.mark.parametrize(("labels", "own", "said", "truth", "other"), ENDINGS)
def test_an_ending_of_the_wording_is_no_hindrance(labels, own, said, truth, other):
    """An answer worded as the task's own is read by what stands where the value stands."""
    wanted = labels[other] if isinstance(other, int) else other
    task = make_task("t", ["r"], "q", truth)
    task = attrs.evolve(task, turns=(*task.turns[:-1], Turn.assistant(own)))
    answers = ClassAnswers(labels)

    assert truth == read_answer(answers, own, task)
    assert wanted == read_answer(answers, said, task)
    assert read_answer(answers, f"{own} Ei.", task) is None
    assert "trained" == AnswerForms.of([task], labels).judge(said)


def test_a_number_with_an_ending_is_read():
    """As Finnish and Turkish attach them to digits."""
    task = make_number_task(45.0, "Kişi 45yaşındadır.")

    assert 31.0 == read_answer(NumberAnswers(precision=0), "Kişi 31yaşındadır.", task)


def test_no_ending_is_read_into_an_english_answer():
    """What does not say its value is refused as before."""
    task = make_task("t", ["r"], "q", "male")

    assert [] == find_said("It is female.", ["male"])
    assert "female" == read_answer(ClassAnswers(("male", "female")), "It is female.", task)


@pytest.mark.parametrize(
    ("text", "said", "told"),
    [
        ("비교 결과 남성입니다.", "남성", ["남성"]),
        ("比较结果是女性。", "女性", ["女性"]),
        ("나이는 45.3세입니다.", "45.3", ["45.3"]),
        ("Kişi kadındır.", "kadın", ["kadın"]),
        ("العمر ٤٥٫٣ سنة.", "45.3", ["٤٥٫٣"]),
    ],
)
def test_the_tokens_that_tell_the_value_are_found(text, said, told):
    """For the loss, and for what is changed at test."""
    assert told == [text[start:end] for start, end in find_spans(text, said)]
    if not said[0].isdigit():
        assert told == [text[start:end] for start, end in find_value(text, said)]


def test_what_denies_a_label_is_strange_where_words_have_no_spaces():
    """A Chinese sentence is no single word: what training never said is seen in it."""
    forms = AnswerForms.of_texts(["比较结果是男性。", "比较结果是女性。"], CHINESE)

    found = [forms.judge(text) for text in ("比较结果是女性！", "结果是女性", "比较结果不是女性")]
    assert ["trained", "loose", "strange"] == found


def test_task_files_keep_the_letters_of_any_script():
    """Two targets never share a name, and a name is fit for a file of 255 bytes."""
    names = [
        "성별",
        "성별 (자가)",
        "성별/자가",
        "나이",
        "年龄",
        "sex",
        "a b",
        "a-b",
        "!",
        "?",
        "x" * 300,
    ]
    files = [task_file("ZWI", name, "train") for name in names]

    assert files[0] == "ZWI_성별_comparison_tasks_train.json"
    assert len(set(files)) == len(names)
    assert all(len(name.encode()) < 200 and not set(name) & set('/\\:*?"<>| ') for name in files)
    assert file_name(unicodedata.normalize("NFD", "성별")) == "성별"
