import pytest

from langchain_metaaligner.data.synthetic.sentences import Corpus
from langchain_metaaligner.data.synthetic.texts import Text

ANSWERS = [
    Text(
        "How do I keep bread fresh?",
        "Store the loaf in a linen bag at room temperature. The fridge makes it stale faster. "
        "You can freeze slices and toast them later. I would not keep it in plastic.\n\n"
        "When the crust gets hard, wrap it in a damp towel for ten minutes.",
    ),
    Text(
        "\n\nHuman: Is tea healthy?\n\nAssistant: In what way?\n\nHuman: For sleep. \n\nAssistant:",
        "Black tea has about 47 mg of caffeine in a cup. They say that people should drink it "
        "before noon. Camomile tea has none. Many people want to drink it at night.",
    ),
    Text(
        "What is a stack?",
        "It is a list with two operations: `push` and `pop`. The last item that went in comes out "
        "first. See https://example.org/stack for a drawing. Are you going to use it with threads? "
        "Then guard it with a lock.",
    ),
]


@pytest.fixture(scope="session")
def corpus():
    return Corpus(ANSWERS)
