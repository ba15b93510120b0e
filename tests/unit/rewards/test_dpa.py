"""The ten-attribute reward model, on tiny checkpoints."""

import pytest

from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.rewards import (
    ATTRIBUTES,
    DPA,
    DPARewardModel,
    Scorer,
    directional,
    helpsteer,
)


def card_scores(off):
    """The scores of the model card's sample, the last of them off by so much."""
    scores = [68.99269, 69.62718, 76.23071, 33.48785, 35.853596, 63.833366, 55.58917, 68.7175]
    return dict(zip(ATTRIBUTES, [*scores, 59.552124, 46.465595 + off], strict=True))


class TestDPA:
    @pytest.fixture
    def folder(self, tmp_path, checkpoint):
        return checkpoint(tmp_path / "dpa", 10, 256)

    def test_the_card(self, golden):
        template, scale = golden("dpa_card")
        asked = template["input"]
        assert (
            DPARewardModel.prompt(asked["prompt"], asked["response"])
            == (template["expected"]["text"])
        )
        assert helpsteer(scale["input"]["scores"]) == pytest.approx(scale["expected"]["helpsteer"])

    def test_scores_ten_attributes_alike_alone_and_in_a_batch(self, folder):
        model = DPARewardModel.from_pretrained(folder, device="cpu", dtype="float32", batch_size=2)
        pairs = [("Hi", "Yes"), ("Hi", "No thanks"), ("thanks", "Yes Yes Yes")]
        together = model.score_all(pairs)
        assert all(tuple(one) == ATTRIBUTES for one in together)
        for pair, scores in zip(pairs, together, strict=True):
            assert model.score(*pair) == pytest.approx(scores, abs=1e-4)
        assert isinstance(model, Scorer)

    def test_other_weights_do_not_pass_for_the_published_ones(self, folder):
        model = DPARewardModel.from_pretrained(folder, device="cpu", dtype="float32")
        with pytest.raises(CheckpointError, match="model card's sample differ"):
            model.verify()

    def test_the_published_model_is_checked_when_it_is_loaded(
        self, tmp_path, checkpoint, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        checkpoint(tmp_path / DPA, 10, 256)  # other weights under its name
        with pytest.raises(CheckpointError, match="model card's sample differ"):
            DPARewardModel.from_pretrained(DPA, device="cpu")

    def test_half_precision_is_given_its_rounding(self, folder, monkeypatch):
        """Numbers near 69 are 0.5 apart in bfloat16; the card's were computed in float32."""
        for dtype, tolerance in (("float32", 1.0), ("bfloat16", 4.0)):
            model = DPARewardModel.from_pretrained(folder, device="cpu", dtype=dtype)
            for off, right in ((tolerance - 0.1, True), (tolerance + 0.1, False)):
                monkeypatch.setattr(model, "score", lambda *pair, off=off: card_scores(off))
                if right:
                    model.verify()
                else:
                    with pytest.raises(CheckpointError, match="differ by up to"):
                        model.verify()

    def test_another_number_of_outputs_is_an_error(self, tmp_path, checkpoint):
        with pytest.raises(CheckpointError, match="has 3 outputs; the DPA reward model has 10"):
            DPARewardModel.from_pretrained(checkpoint(tmp_path / "three", 3))

    def test_remote_code_needs_a_pinned_revision(self):
        with pytest.raises(SettingError, match="revision"):
            DPARewardModel.from_pretrained(trust_remote_code=True)

    def test_directions(self):
        scores = dict(zip(ATTRIBUTES, range(10), strict=True))
        assert directional(scores, {"helpsteer-verbosity": -1.0}) == -4.0
        with pytest.raises(SettingError, match="'verbosity' is not scored"):
            directional(scores, {"verbosity": 1.0})
        with pytest.raises(SettingError, match="all weights are 0"):
            directional(scores, {"helpsteer-verbosity": 0.0})
