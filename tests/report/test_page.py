"""The page: what it says, what it hides, and that nothing from outside runs or is loaded."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest

from brainplug.audit.records import PoolBalance
from brainplug.evaluation.bootstrap import Estimate
from brainplug.evaluation.intervention_records import Effect, Expected, Interventions
from brainplug.evaluation.numbers_in_words import MINUS
from brainplug.evaluation.pooled_records import RunScores, Summary
from brainplug.evaluation.records import ArmScores, Difference
from brainplug.evaluation.subgroup_records import Gain, Grouping, GroupScore, WithinGroups
from brainplug.recipe.training_tables import Phase, Training
from brainplug.report.page import SECTIONS, render
from brainplug.report.sections import (
    balance,
    benefit,
    interventions,
    methods,
    provenance,
    subgroups,
    systems,
)
from brainplug.report.sentence import claim
from pages import Study, make_folder, page_of

HOSTILE = ("control", "mild $x_1$ <script>alert(1)</script>", "a'\"&b\x1b[2J\x9b\u202e\u2067")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Give a page to share, of people whose second class and one exclusion are few."""
    study = Study(labels=HOSTILE, lost=(("no $scan$ <b>", 1),), unread=1, right=0.8)
    return page_of(tmp_path_factory.mktemp("shared") / "run", study)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """Give the facts and the page of a numerical target."""
    study = Study(labels=(), target="age", simulated=False)
    folder = tmp_path_factory.mktemp("numbers") / "run"
    return make_folder(folder, study), page_of(folder.parent / "again", study)


class Reader(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.ids, self.levels, self.figures = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))


def cells(page, name):
    """Return the text of the cells of the row of that name."""
    row = re.search(rf'<th scope="row">{re.escape(name)}</th>(.*?)</tr>', page, re.DOTALL)
    return re.findall(r"<td[^>]*>(.*?)</td>", row.group(1))


def test_the_first_sentence_says_simulated_score_and_rival(shared):
    """Who, simulated, what, how well with an interval, against what; once each."""
    (claim,) = re.findall(r'<p class="claim">(.*?)</p>', shared)

    assert claim.startswith("In 40 held-out people of a simulated study, the model told sex")
    assert "a balanced accuracy of 0." in claim
    assert "95% CI" in claim
    assert "the best rule that sees no image" in claim
    assert 1 == claim.count("what references add")


def test_text_from_outside_is_text(shared):
    """Labels, reasons and answers that look like tags or mathematics are shown as they are."""
    tags = [tag for tag, _ in Reader(shared).tags]

    assert "script" not in tags
    assert "mild $x_1$ &lt;script&gt;" in shared
    assert "left out: no $scan$ &lt;b&gt;" in shared
    assert "&amp;b␛[2J���" in shared
    controls = (*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2067)
    assert not set(shared) & set(map(chr, controls))
    assert "hm &lt;b&gt;$x$&lt;/b&gt;" in shared


def test_nothing_is_loaded_from_outside(shared):
    """Pictures are within the page, a policy forbids all else, and links are links."""
    loading = [
        value
        for tag, attrs in Reader(shared).tags
        for name, value in attrs.items()
        if name in {"src", "srcset", "data", "xlink:href"} or (name == "href" and tag != "a")
    ]

    assert "default-src 'none'" in shared
    assert [] == [value for value in loading if not value.startswith(("data:", "#"))]
    assert [] == re.findall(r"url\((?!#)", shared)


def test_ids_are_unique_and_headings_in_order(shared):
    """Two figures share no id; no level of heading is left out."""
    read = Reader(shared)

    assert len(set(read.ids)) == len(read.ids)
    assert 1 == read.levels[0]
    assert 1 == read.levels.count(1)
    assert all(
        later <= before + 1 for before, later in zip(read.levels, read.levels[1:], strict=False)
    )


def test_every_picture_says_what_it_shows(shared, numbers):
    """Pictures have alternative texts, drawings a role and a label."""
    for page in (shared, numbers[1]):
        tags = Reader(page).tags
        drawn = [found for tag, found in tags if tag == "svg" and "aria-hidden" not in found]
        outer = [found for found in drawn if "viewbox" in found]
        assert outer
        assert all(found.get("role") == "img" and found["aria-label"] for found in outer)
        assert all(found["alt"] for tag, found in tags if tag == "img")


def test_few_people_are_counted_nowhere(shared):
    """One exclusion, and every cell below five, follow from nothing that stands beside them."""
    flow = re.search(r'<ol class="flow".*?</ol>', shared, re.DOTALL).group()

    assert "<b>121 to 124</b>" in flow
    assert "<b>&lt;5</b>" in flow
    shown = [
        cell for name in ("control", "a&#39;&#34;&amp;b␛[2J���") for cell in cells(shared, name)
    ]
    assert [] == [cell for cell in shown if cell in {"1", "2", "3", "4"}]


def test_ids_paths_and_exact_truths_stay_at_home(numbers):
    """No subject, no folder, and of 240 stated ages none to the decimal."""
    facts, page = numbers
    truths = {f"{task.truth}" for task in facts.tasks}
    text = re.sub(r"<(style|svg).*?</\1>", "", page, flags=re.DOTALL)
    dialogues = text[text.index('id="dialogues"') : text.index('id="audit"')]

    assert not [name for name in facts.cohort["subject"] if name in text]
    assert "/home" not in page
    assert "truth: about " in dialogues
    stated = set(re.findall(r"This is (-?[\d.]+)\.", dialogues))
    assert not stated & truths


def test_a_point_a_person_and_five_to_a_true_value(numbers):
    """The scatter has everybody, and no true value that fewer than five share."""
    facts, page = numbers
    drawing = re.search(r'<svg role="img" aria-label="Scatter.*?</svg>', page, re.DOTALL).group()
    mark = r'<use xlink:href="#scatter-m\w+" x="([\d.]+)" y="[\d.]+" style="fill: var\(--accent\)'
    places = re.findall(mark, drawing)

    assert 40 == facts.scored.counts.subjects
    people = [place for place in places if places.count(place) >= 5]
    assert 40 == len(people)
    assert "one point each" in page


def test_an_error_stands_beside_the_spread_of_the_truth(numbers):
    """A mean absolute error means nothing without range and SD."""
    _, page = numbers
    (claim,) = re.findall(r'<p class="claim">(.*?)</p>', page)

    assert "of MADE-UP (real scans)" in claim
    assert re.search(r"where true values have an SD of 1\d\.\d years and go from about \d+", claim)


def test_right_and_wrong_dialogues_are_shown(shared):
    """Two of each, where there are."""
    verdicts = re.findall(r'class="(?:pass|fail)">(right|wrong|not readable)<', shared)

    assert ["right", "right"] == verdicts[:2]
    assert {"right"} < set(verdicts)
    assert 4 == len(verdicts)


def test_one_unread_answer_is_told(shared):
    """That there are few, of what kind, and its text."""
    assert ["&lt;5 of 80"] == cells(shared, "answers that could not be read")
    assert ["&lt;5"] == cells(shared, "no class is named")
    assert "&lt;5 of 80 answers could not be read" in shared
    assert not re.search(r"\b[1-4] of \d", shared)


def test_a_page_of_single_people_counts_every_failure(tmp_path):
    """One of eighty is one."""
    page = page_of(tmp_path / "run", Study(unread=1), individual=True)

    assert ["1 of 80"] == cells(page, "answers that could not be read")
    assert "1 of 80 answers could not be read" in page


def test_a_pool_of_few_people_has_no_mean():
    """It would be the value of one person."""
    cell = PoolBalance(n=6, mean=41.5, sd=2.0, standardised_difference=None)

    told = [balance.mean_and_sd(cell, people, individual=False) for people in (1, 5)]

    assert ["…", "41.5 (2.00)"] == told
    assert "41.5 (2.00)" == balance.mean_and_sd(cell, 1, individual=True)


@pytest.mark.parametrize("individual", [True, False])
def test_why_an_arm_failed_is_told_to_the_owner_alone(tmp_path, individual):
    """An error names files and people; a page to share says where it is found."""
    facts = make_folder(tmp_path / "run", Study(), individual=individual)
    lost = {
        "query-alone": ArmScores(
            steps=0,
            main_steps=9,
            first_loss=None,
            last_loss=None,
            failed="'NDAR01' and 'NDAR02' are in two pools",
        )
    }
    facts.metrics = attrs.evolve(facts.metrics, arms=lost)

    (told,) = benefit.make(facts).sentences

    assert individual is ("NDAR01" in told)
    assert individual is not told.endswith("why is in metrics.json of the run folder.")


def test_each_item_of_both_checklists_is_filled_or_said_to_be_unknown(shared):
    """27 items of TRIPOD+AI and 44 of CLAIM, none of them empty."""
    tables = re.findall(r'<table class="checklist">.*?</table>', shared, re.DOTALL)
    filled = [re.findall(r"<td>(.+?)</td>", table, re.DOTALL) for table in tables]

    assert [27, 44] == [len(each) for each in filled]
    assert "not known to the program" in shared


def test_the_methods_tell_the_length_that_was_asked_for():
    """Steps stand in place of epochs, and each phase has its own length."""
    training = Training(steps=300, phase=(Phase(), Phase(epochs=2, learning_rate=1e-3)))

    told = [methods.tell_phase(phase) for phase in training.phases()]

    assert told[0].startswith("for 300 steps (largest learning rate 5e-05")
    assert told[1].startswith("for 2 epochs (largest learning rate 0.001")


def test_a_page_of_single_people_says_so_and_shows_them(tmp_path):
    """Ids, scans, exact counts and every failure, under a warning."""
    page = page_of(tmp_path / "run", Study(lost=(("broken", 1),)), individual=True)

    assert "shows single people: do not share" in page
    assert "<b>121</b>" in page
    assert 'alt="query scan: sagittal' in page
    assert re.search(r'<th scope="row">test-\d+-1</th><td>', page)


def test_a_locked_test_is_not_told(tmp_path):
    """Scores are those of validation, and the page says that the test was not opened."""
    page = page_of(tmp_path / "run", Study(), splits=("val",))

    assert "In 40 people of the validation split (the test was not opened)" in page
    assert "test not opened: validation scores" in page
    assert "people asked in test" not in page
    assert "fewer than 100 people in the validation, test not opened" in page
    assert "people in the test" not in page


def test_no_answer_is_no_score(tmp_path):
    """A model that says nothing readable has no accuracy of 0."""
    facts = make_folder(tmp_path / "run", Study(unread=80))

    said = claim(facts.metrics, facts.setting)

    assert "gave no answer that can be read to any of 80 questions, which is no score" in said


def test_a_published_score_stands_beside_the_same_study_only(tmp_path, shared):
    """UK Biobank's sex has one, with its source; a simulated study has none."""
    facts = make_folder(tmp_path / "run", Study(name="UKB", simulated=False))

    (row,) = systems.make(facts).groups["Published, of other people"]

    assert "SFCN, a 3-D CNN, n = 14,503" == row.name
    assert "https://biobank.ndph.ox.ac.uk/showcase/pub.cgi?id=3973" == row.link
    assert "SFCN" not in shared


def test_each_section_has_its_template():
    """And none is listed twice."""
    names = [section.name for section in SECTIONS]
    assert len(set(names)) == len(names)


def test_a_detector_of_the_scanner_is_called_one(tmp_path):
    """What is no more than a reading of the site is said above all, and not among the rest."""
    facts = make_folder(tmp_path / "run", Study())
    gain = Gain(score=0.78, constant=0.5, value=0.28, low=0.2, high=0.35)
    none = attrs.evolve(gain, score=0.5, value=0.0, low=-0.1, high=0.1)
    within = WithinGroups(
        people=40,
        groups=2,
        overall=gain,
        within=none,
        drop_value=0.28,
        drop_low=0.2,
        drop_high=0.35,
        verdict="reads the group",
    )
    cell = GroupScore(people=20, classes=(10, 10), value=0.5, low=0.4, high=0.6)
    site = Grouping(
        column="site",
        metric="balanced-accuracy",
        groups={"north": cell, "south": attrs.evolve(cell, people=18)},
        too_small=1,
        people_too_small=2,
        unknown=0,
        unseen=0,
        heterogeneity=None,
        within=within,
    )
    scored = attrs.evolve(facts.scored, subgroups={"site": site})
    facts.metrics = attrs.evolve(facts.metrics, splits={"test": scored})

    found = subgroups.make(facts)

    assert found.alarms == subgroups.list_detectors(facts)
    assert found.alarms[0].startswith("This is what a scanner detector scores")
    assert [] == list(found.sentences)
    # 38 of 40 are shown, so that one of the counts must be a bound.
    assert ["20", "≥16"] == [row.count for row in found.groups["Site"]]


def test_runs_have_a_row_each_and_failed_ones_are_told(tmp_path):
    """Of several runs each is shown, their spread, and those that could not be done."""
    facts = make_folder(tmp_path / "run", Study())
    scores = {"balanced-accuracy": 0.8, "auroc": None}
    both = {name: RunScores(subjects=20, metrics=scores) for name in ("fold-1", "fold-2")}
    summary = Summary(
        runs=both,
        mean=scores,
        mean_low={"balanced-accuracy": 0.6},
        mean_high={"balanced-accuracy": 0.9},
        sd=scores,
        people=40,
        failed={"fold-3": "no <query> of NDAR01"},
    )
    facts.metrics = attrs.evolve(facts.metrics, runs=summary)

    page = render(facts)

    assert ["20", "0.80", "n/a"] == cells(page, "fold-1")
    assert "<strong>fold-3</strong> could not be done: why is in summary.json" in page
    assert "NDAR01" not in page
    assert "1 of 3 runs could not be done" in page
    assert ["", "0.80 (0.60 to 0.90)", "n/a"] == cells(page, "mean of runs")


def test_interventions_stand_on_one_axis_beside_models_as_they_might_be(tmp_path):
    """What changed, how far answers did, and the letters of the models that would do so."""
    facts = make_folder(tmp_path / "run", Study())
    share = Estimate(value=0.25, low=0.2, high=0.3)
    effect = Effect(
        people=40,
        tasks=80,
        unread=(0, 3),
        changed=share,
        moved=None,
        moved_sd=None,
        follows=share,
        before=0.9,
        after=0.5,
        score_change=attrs.evolve(share, value=-0.4, low=-0.5, high=-0.3),
        clear=True,
        right_before=0.9,
        right_after=0.5,
        expected={
            "uses": Expected(words="", changed=1.0),
            "ignores": Expected(words="", changed=0.0),
            "copies": Expected(words="", changed=1.0),
        },
    )
    found = Interventions(
        split="test",
        metric="balanced-accuracy",
        higher_is_better=True,
        unit="",
        effects={"word-changed": effect},
        copied=share,
        verdict=None,
        doses=None,
    )
    facts.metrics = attrs.evolve(facts.metrics, interventions=found)

    shown = interventions.make(facts)

    ((row,),) = shown.groups.values()
    axis = shown.axis
    assert "25% (20 to 30)" == row.shown
    assert [axis.place(0.25), axis.place(0.2), axis.place(0.3)] == [row.at, row.low, row.high]
    assert ((axis.place(1), "UC"), (axis.place(0), "I")) == row.marks
    assert [("0.90", "0.50", True)] == [(c.before, c.after, c.clear) for c in shown.changes]
    assert "aria-label" in shown.figure


def test_the_arm_without_references_stands_beside_the_model(tmp_path):
    """Its score is on the axis, and what references add is in the first sentence."""
    facts = make_folder(tmp_path / "run", Study())
    scores = facts.scored.metrics
    gap = Difference(
        against="query-alone",
        value=0.01,
        low=-0.06,
        high=0.07,
        reason="",
        p_value=0.8,
        clear=False,
        higher_is_better=True,
    )
    arm = ArmScores(
        steps=20,
        main_steps=20,
        first_loss=2.0,
        last_loss=0.1,
        splits={"test": scores},
        difference={"test": {"balanced-accuracy": gap}},
        verdict="no benefit of references was shown",
    )
    facts.metrics = attrs.evolve(facts.metrics, arms={"query-alone": arm})

    (row,) = systems.make(facts).groups["The same model, trained otherwise"]

    assert "without references" == row.name
    added = f"references add 0.01 ({MINUS}0.06 to 0.07) balanced accuracy."
    assert claim(facts.metrics, facts.setting).endswith(added)
    assert "no benefit of references was shown" in " ".join(benefit.make(facts).sentences)


def test_the_citation_is_that_of_the_repository(shared):
    """Title and authors are those of CITATION.cff, which an installed package does not have."""
    cited = (Path(__file__).parents[2] / "CITATION.cff").read_text()

    assert f"title: {provenance.TITLE}\n" in cited
    assert f"name: {provenance.AUTHORS}\n" in cited
    assert "The brainplug authors. brainplug, version 0.1.0 [computer program]." in shared
