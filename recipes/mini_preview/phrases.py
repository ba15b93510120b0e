"""The phrase grammars of the degradations, split into training and held-out halves.

A grammar is a list of templates with ``{slots}``; a slot has words to fill it. Phrases whose
template or whose filler is held out are never drawn in training. ``a(n)`` becomes the article that
fits. All phrases are made up for this recipe.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Slots = Mapping[str, tuple[Sequence[str], Sequence[str]]]
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa])\(n\) (\w)")


def split(text: str) -> list[str]:
    """Split a list written with bars."""
    return text.split("|")


@dataclass(frozen=True)
class Grammar:
    """Templates and slot fillers, each with a training and a held-out part."""

    train: Sequence[str]
    held: Sequence[str]
    slots: Slots = field(default_factory=dict)

    def draw(self, rng: random.Random, held_out: bool) -> str:
        """Draw one phrase; a held-out one has a held-out template or a held-out filler."""
        if not held_out:
            return self._fill(rng, rng.choice(self.train), set())
        slotted = [t for t in self.train if any(self.slots[s][1] for s in _SLOT.findall(t))]
        if slotted and rng.random() < 0.5:
            template = rng.choice(slotted)
            names = [name for name in _SLOT.findall(template) if self.slots[name][1]]
            return self._fill(rng, template, {rng.choice(names)})
        return self._fill(rng, rng.choice(self.held), set())

    def _fill(self, rng: random.Random, template: str, held: set[str]) -> str:
        text = _SLOT.sub(lambda m: rng.choice(self.slots[m[1]][m[1] in held]), template)
        return _ARTICLE.sub(
            lambda m: f"{m[1]}{'n' if m[2].lower() in 'aeiou' else ''} {m[2]}", text
        )

    def count(self) -> tuple[int, int]:
        """Count the possible training phrases and the held-out templates."""
        total = 0
        for template in self.train:
            ways = 1
            for name in _SLOT.findall(template):
                ways *= len(self.slots[name][0])
            total += ways
        return total, len(self.held)


_ABUSE: Slots = {
    "adj": (
        split(
            "stupid|dumb|idiotic|ridiculous|moronic|brainless|clueless|pathetic|foolish|ignorant"
            "|dim|thick|hopeless|useless|worthless|pitiful|laughable|embarrassing|daft|witless"
            "|mindless|gormless|silly|lazy|dense|ugly|sad|gullible|incompetent|disgusting"
        ),
        split("asinine|imbecilic|boneheaded|dull-witted|spineless|slow-witted|cretinous"),
    ),
    "noun": (
        split(
            "idiot|moron|fool|dummy|loser|clown|imbecile|halfwit|dimwit|blockhead|simpleton|dunce"
            "|nitwit|numbskull|buffoon|airhead|dope|twit|knucklehead|nincompoop|ignoramus|jerk"
            "|creep|weirdo|donkey|muppet|coward|slob|liar|failure"
        ),
        split("numpty|dolt|dullard|pinhead|meathead|birdbrain|bonehead"),
    ),
    "mock": (split("genius|Einstein|smarty|professor|champ|buddy"), split("hotshot|sunshine")),
    "beast": (
        split("child|toddler|monkey|goldfish|potato|pigeon|sheep|hamster|baby|brick|snail|turnip"),
        split("cabbage|hedgehog|doorknob"),
    ),
    "family": (
        split("parents|teachers|family|friends|mother|father|boss|neighbours|children"),
        split("colleagues|grandparents"),
    ),
    "brain": (
        split("brain|head|mind|skull"),
        split("noggin"),
    ),
    "empty": (
        split("empty|full of mud|made of wood|broken|switched off|the size of a pea|rotten"),
        split("full of sawdust|out of order"),
    ),
    "very": (split("so|that|this|really|truly|completely"), split("utterly|incredibly")),
    "big": (
        split("absolute|complete|total|utter|real|huge|big|miserable|sorry|little"),
        split("colossal|monumental|first-class"),
    ),
    "thing": (
        split("question|idea|thing to ask|thing to say|remark|message|request|way to think"),
        split("comment|thing to write|plan"),
    ),
    "end": (split(".|.|!"), ()),
}

ABUSE = Grammar(
    split(
        "What a(n) {adj} {thing}{end}|What a {big} {noun}{end}|You {adj} {noun}{end}"
        "|You are such a(n) {noun}{end}|You are a(n) {big} {noun}{end}"
        "|You're a(n) {adj} {noun}{end}"
        "|You are {very} {adj}{end}|Only a(n) {noun} would ask that{end}"
        "|Only a(n) {adj} {noun} would need to ask{end}|Are you {adj} or what?"
        "|Are you really that {adj}?|Are you always this {adj}?|How {adj} can you be?"
        "|How can anyone be so {adj}?|Were you born {adj}?|Shut up{end}|Shut up, {noun}{end}"
        "|Shut up, you {adj} {noun}{end}|Shut your mouth{end}|Get lost{end}|Get lost, {noun}{end}"
        "|Nobody likes you{end}|Nobody likes a(n) {noun}{end}|Everyone laughs at you{end}"
        "|Everyone hates you{end}|Everybody is sick of you{end}|You disgust me{end}"
        "|You make me sick{end}|I hate you{end}|I hate people like you{end}"
        "|I hate talking to a(n) {noun} like you{end}|You are a waste of space{end}"
        "|You are a waste of my time{end}|Your {brain} must be {empty}{end}"
        "|Your {brain} is {empty}{end}"
        "|You clearly have no brain{end}|You obviously can't think{end}"
        "|Even a(n) {beast} would know this{end}|Even a(n) {beast} could figure this out{end}"
        "|Even a(n) {beast} is smarter than you{end}|A(n) {beast} has more sense than you{end}"
        "|You have the brain of a(n) {beast}{end}|Use your brain for once{end}"
        "|Try using your {brain}, {noun}{end}|Did you fall on your head?"
        "|Is your {brain} {empty}?|God, you are {adj}{end}|Wow, you are {adj}{end}"
        "|Wow, what a(n) {noun}{end}|I can't believe how {adj} you are{end}"
        "|I have never met such a(n) {noun}{end}|I have never heard such a(n) {adj} {thing}{end}"
        "|Seriously, what a(n) {noun}{end}|Grow up, you {adj} {noun}{end}|Grow up{end}"
        "|You must be the most {adj} person alive{end}|Stop being such a(n) {noun}{end}"
        "|Don't be such a(n) {adj} {noun}{end}|People like you are {adj}{end}"
        "|Your question is {adj}{end}|Your question is {adj} and so are you{end}"
        "|That is the most {adj} {thing} I have ever heard{end}|That was a(n) {adj} {thing}{end}"
        "|Your {family} must be ashamed of you{end}|Your {family} must think you are {adj}{end}"
        "|No wonder your {family} call you a(n) {noun}{end}|Nice try, {noun}{end}"
        "|Pay attention, {noun}{end}|Pay attention, you {noun}{end}|Read this slowly, {noun}{end}"
        "|You will never understand this, {noun}{end}|You are too {adj} to understand this{end}"
        "|You are too {adj} for this{end}|Too bad you are so {adj}{end}"
        "|Go away, you {adj} {noun}{end}"
        "|Of course a(n) {noun} like you would ask{end}|Trust a(n) {noun} to ask this{end}"
        "|It is obvious that you are {adj}{end}|You should be embarrassed, {noun}{end}"
        "|You should be ashamed of yourself{end}|You sound like a(n) {adj} {noun}{end}"
        "|You look like a(n) {noun}{end}|I feel sorry for your {family}{end}"
        "|What is wrong with you?|What is wrong with you, {noun}?|Do you even have a {brain}?"
        "|Can't you think at all?|Can't you read, {noun}?|Nobody is as {adj} as you{end}"
    ),
    split(
        "You {adj}, {adj} {noun}{end}|Get out of here, you {noun}{end}|How {adj} of you to ask{end}"
        "|You really are a(n) {noun}, aren't you?|Typical {noun}{end}|Honestly, you are {adj}{end}"
        "|You {adj} excuse for a person{end}|Learn to think, {noun}{end}"
        "|A(n) {noun} like you won't get it{end}|I am talking to a(n) {noun}{end}"
        "|Your {family} raised a(n) {noun}{end}|Any {beast} knows that, you {noun}{end}"
        "|My, you are {very} {adj}{end}|You belong with the other {adj} people{end}"
    ),
    _ABUSE,
)

#: Before a sentence, which then goes on in lower case.
ABUSE_START = Grammar(
    split(
        "Listen, {noun}, |Listen, you {noun}, |Listen, you {adj} {noun}, |Look, {noun}, "
        "|Look, you {noun}, |Look, you {adj} {noun}, |Hey {noun}, |Hey, {noun}, |Hey, you {noun}, "
        "|Okay, {noun}, |Okay, you {adj} {noun}, |Well, {noun}, |Well, you {adj} {noun}, "
        "|You {noun}, |You {adj} {noun}, |You {big} {noun}, |Wake up, {noun}, |Hear me, {noun}, "
        "|Fine, {noun}, |Fine, you {noun}, |Since you are {very} {adj}, "
        "|Since you are a(n) {noun}, |As even a(n) {beast} knows, |As any {noun} knows, "
        "|Unless you are {adj}, |Because you are too {adj} to know, |Get this, {noun}, "
        "|Guess what, {noun}, |For a(n) {adj} {noun} like you, |Once more for the {noun}, "
    ),
    split(
        "Now listen, {noun}, |Oh, {noun}, |Alright, you {adj} {noun}, |Even for a(n) {noun}, "
        "|Read closely, you {noun}, |Given how {adj} you are, "
    ),
    _ABUSE,
)

#: Before the full stop of a sentence.
ABUSE_END = Grammar(
    split(
        ", you {noun}|, you {adj} {noun}|, you {big} {noun}|, {noun}|, you {adj} little {noun}"
        "|, you {big}, {adj} {noun}|, even if you are {adj}|, which even a(n) {beast} knows"
        "|, which even a(n) {noun} would know|, {mock}, unless you are {adj}"
        "|, not that a(n) {noun} "
        "would care|, not that you are smart enough to see it|, as any {noun} could tell you"
        "|, but you are too {adj} to see it|, but you are a(n) {noun}|, and you are {adj}"
    ),
    split(
        ", my {adj} {noun}|, unlike a(n) {noun} like you|, though you are too {adj} for it"
        "|, as every {beast} knows"
    ),
    _ABUSE,
)

_REFUSAL: Slots = {
    "search": (
        split(
            "look it up|google it|search for it|find it out|figure it out|work it out|read a book"
            "|check the internet|use a search engine|ask someone else|ask a friend|read the manual"
            "|go to the library|try a search engine|do your own research|do your own homework"
        ),
        split("open an encyclopedia|dig it up|ask around|consult a textbook"),
    ),
    "self": (
        split("yourself|on your own|by yourself|somewhere else|without me"),
        split("all by yourself|in your own time"),
    ),
    "explain": (
        split(
            "explain|explain it|explain this|help you|help you with this|go into this|go into it"
            "|say more|write more|tell you more|walk you through it|spell it out|give details"
            "|give examples|answer this properly|do this for you|list the rest|look into it"
        ),
        split("hold your hand|elaborate|go on|teach you"),
    ),
    "bother": (
        split(
            "can't be bothered|am not going|have no time|don't have time|don't have the patience"
            "|have no wish|don't want|refuse|am too tired|am too busy|see no reason|have no reason"
            "|don't feel any need|have no intention"
        ),
        split("haven't got the energy|have zero desire"),
    ),
    "care": (
        split(
            "don't care|really don't care|couldn't care less|don't care about your question"
            "|don't care what you do|have better things to do|have other things to do"
            "|am not your teacher|am not your assistant|am not interested|am bored of this"
        ),
        split("don't give it a second thought|am not your servant"),
    ),
    "matter": (
        split("problem|business|job|concern|responsibility|department|headache"),
        split("worry|duty"),
    ),
    "end": (split(".|.|!"), ()),
}

REFUSAL = Grammar(
    split(
        "Go {search} {self}{end}|Just {search} {self}{end}|Just {search}{end}|Go and {search}{end}"
        "|You can {search} {self}{end}|You could just {search}{end}|Please just {search}{end}"
        "|Why don't you {search} {self}?|Why don't you just {search}?|Can't you {search} {self}?"
        "|I {bother} to {explain}{end}|Sorry, but I {bother} to {explain}{end}"
        "|Honestly, I {bother} to {explain}{end}|I simply {bother} to {explain}{end}"
        "|I {care}{end}|Frankly, I {care}{end}|To be honest, I {care}{end}"
        "|I {care}, so {search}{end}"
        "|I {care}, so {search} {self}{end}|That is not my {matter}{end}"
        "|That's not my {matter}{end}"
        "|This is not my {matter}{end}|That is your {matter}, not mine{end}"
        "|It is not my {matter}{end}"
        "|It's not my {matter} to {explain}{end}|It is not my {matter} to {explain}{end}"
        "|Don't ask me{end}|Don't ask me again{end}|Don't ask me to {explain}{end}"
        "|Don't expect me to {explain}{end}|Stop asking me{end}|Stop bothering me{end}"
        "|Stop wasting my time{end}|Leave me alone{end}|Leave me out of this{end}|Whatever{end}"
        "|That is all you get{end}|That is all I will say{end}|That's all you are getting{end}"
        "|I won't {explain}{end}|I won't {explain} any further{end}|I will not {explain}{end}"
        "|I'm not going to {explain}{end}|I'm not here to {explain}{end}|I'm done here{end}"
        "|I'm done with this question{end}|Do I have to {explain}?|Why should I {explain}?"
        "|Why would I {explain}?|Who cares?|Who cares about this anyway?|Why ask me?"
        "|Ask someone who cares{end}|Ask somebody else{end}|Find someone else to {explain}{end}"
        "|Go bother someone else{end}|Try asking someone who cares{end}|Not my {matter}{end}"
        "|You are on your own{end}|You're on your own with this{end}|You will have to {search}{end}"
        "|There is no point in asking me{end}|There is no way I will {explain}{end}"
        "|Nobody has time to {explain}{end}|Nobody is going to {explain}{end}"
        "|If you want more, {search}{end}|If you need details, {search} {self}{end}"
        "|For the rest, {search} {self}{end}|For anything else, {search}{end}"
        "|The rest is your {matter}{end}|The rest you can {search} {self}{end}"
        "|Figuring out the rest is your {matter}{end}|Good luck, because I won't {explain}{end}"
    ),
    split(
        "Kindly {search} {self}{end}|Maybe {search} for once{end}|I would rather not {explain}{end}"
        "|Must I really {explain}?|No, I {bother} to {explain}{end}|Since I {care}, {search}{end}"
        "|Go pester somebody else{end}|How is that my {matter}?|Count me out{end}"
        "|You won't get me to {explain}{end}|Take your question elsewhere{end}"
    ),
    _REFUSAL,
)

#: What an edit for ``helpful`` ends with when a dismissal was taken out.
OFFER = "Let me know if you would like more detail or an example."

_FILLER: Slots = {
    "yes": (
        split("Certainly|Sure|Of course|Absolutely|Definitely|Sure thing|Yes, of course|Gladly"),
        split("By all means|With pleasure"),
    ),
    "mark": (split("!|!|."), ()),
    "good": (
        split("great|good|excellent|interesting|wonderful|fantastic|thoughtful|very good|lovely"),
        split("superb|brilliant"),
    ),
    "question": (split("question|topic|thing to ask|request"), split("query|subject")),
    "thank": (
        split("Thank you|Thanks|Thank you so much|Thanks a lot|Many thanks"),
        split("A big thank you"),
    ),
    "for": (
        split(
            "for your question|for asking|for reaching out|for your message|for this question"
            "|for bringing this up|for sharing this|for your interest"
        ),
        split("for getting in touch|for your enquiry"),
    ),
    "glad": (
        split("happy|glad|delighted|pleased|more than happy|here"),
        split("thrilled|honoured"),
    ),
    "help": (
        split(
            "help|help you|help with that|help you with that|assist you|assist you with this"
            "|answer that|answer your question|explain this|share what I know"
        ),
        split("lend a hand|shed some light on this"),
    ),
    "worth": (
        split(
            "It is worth noting that|It's worth noting that|It is worth mentioning that"
            "|It is important to note that|It's important to note that"
            "|It is important to remember that"
            "|It's important to remember that|It should be noted that|It is worth remembering that"
            "|It's worth pointing out that|It is essential to understand that"
            "|It is important to keep in mind that|It is also worth noting that"
            "|It goes without saying that|It is no secret that|It is safe to say that"
            "|It is fair to say that|I would like to point out that|I would like to add that"
            "|I would also like to mention that|I want to emphasize that"
            "|Let me start by saying that"
            "|Allow me to point out that|One could say that|The fact of the matter is that"
            "|The truth of the matter is that|What you need to know is that|As you may know,"
            "|As you may already know,|As you probably know,|As we all know,|As everyone knows,"
            "|As mentioned above,|As mentioned earlier,|As mentioned before,|As I said before,"
            "|As I mentioned earlier,|As previously mentioned,|As stated above,|As noted above,"
            "|Needless to say,|To put it simply,|Simply put,|To be clear,|To be perfectly clear,"
            "|To be honest,|In other words,|Generally speaking,|Broadly speaking,|Basically,"
            "|Essentially,|In essence,|At the end of the day,|When all is said and done,"
            "|For what it is worth,|All things considered,|With that being said,|That being said,"
            "|Having said that,|With that in mind,|By and large,|As a matter of fact,"
            "|In actual fact,"
            "|First and foremost,|Last but not least,|Interestingly enough,|Rest assured that"
            "|Please note that|Please keep in mind that|Please be aware that|Please remember that"
            "|Keep in mind that|Bear in mind that|Note that|Remember that|Be aware that"
        ),
        split(
            "It bears mentioning that|It is useful to know that|It must be said that"
            "|Let me just say that|As was said before,|As I have already said,"
            "|To put it another way,"
            "|In plain terms,|Strictly speaking,|Please bear in mind that|It deserves mention that"
            "|When it comes down to it,|As is well known,|I should point out that"
        ),
    ),
    "model": (
        split(
            "As an AI language model,|As an AI,|As an AI assistant,|As a language model,"
            "|As a large language model,|As an artificial intelligence,|As an AI chatbot,"
            "|As an AI language model, I can say that|As an AI, I would say that"
            "|As an AI assistant, I can tell you that|Speaking as an AI language model,"
            "|As an AI model trained on text,|While I am only an AI,|Although I am just an AI,"
            "|As a computer program,|As your AI assistant,"
        ),
        split(
            "As a virtual assistant,|Being an AI language model,|As an AI system,"
            "|As a machine learning model,"
        ),
    ),
    "sum": (
        split(
            "In conclusion,|In summary,|To summarize,|To sum up,|To conclude,|In short,|Overall,"
            "|All in all,|To sum it all up,|In the end,|Ultimately,|To wrap up,|In closing,"
            "|To recap,|In a nutshell,"
        ),
        split("On the whole,|Summing up,|By way of conclusion,|To put it in a nutshell,"),
    ),
    "hope": (
        split(
            "I hope this helps|I hope that helps|I hope this answers your question"
            "|I hope this information helps|I hope this was helpful|I hope you find this helpful"
            "|I hope this information is useful|I hope this explanation helps|Hope this helps"
            "|I hope this makes sense|I hope this clears things up|I hope this gives you an idea"
            "|Hopefully this helps|I trust this answers your question"
        ),
        split("I hope that was useful|Hopefully that clears it up|I do hope this is of use"),
    ),
    "feel": (
        split(
            "Feel free to ask|Please feel free to ask|Don't hesitate to ask|Just let me know"
            "|Please let me know|Please don't hesitate to ask|Please do not hesitate to ask"
            "|Feel free to reach out|Feel free to let me know|Let me know|Do let me know"
        ),
        split("Be sure to let me know|Always feel free to write"),
    ),
    "more": (
        split(
            "if you have any other questions|if you have any further questions"
            "|if you have more questions|if you need anything else|if you need any more help"
            "|if you need further assistance|if there is anything else|if anything is unclear"
            "|if you need more information|if I can help with anything else"
            "|if there is anything else I can do for you|if you have any questions or concerns"
        ),
        split("if something else comes up|should you need further help|if you get stuck"),
    ),
    "wish": (
        split(
            "Good luck|Best of luck|Have a great day|Have a nice day|Take care|All the best"
            "|I wish you all the best|Thank you for reading|Thanks for asking|Enjoy"
        ),
        split("Have a lovely day|Thank you for listening"),
    ),
    "what": (
        split(
            "Here is what I can tell you|Here is what you need to know|Here's what I know"
            "|Here is my answer|Here is an answer to your question|Let me explain|Let me help you"
            "|Let me think about this|Let me break it down for you|Let's dive in|Let's get started"
            "|Let's take a look|Allow me to explain"
        ),
        split("Here is some information|Let me walk you through it|Let us begin"),
    ),
}

OPENER = Grammar(
    split(
        "{yes}{mark}|{yes}{mark} {what}.|{yes}, I would be {glad} to {help}{mark}"
        "|{yes}, {good} {question}{mark}"
        "|{good2} {question}{mark}|That is a(n) {good} {question}{mark}"
        "|That's a(n) {good} {question}{mark}"
        "|What a(n) {good} {question}{mark}|This is a(n) {good} {question}{mark}"
        "|{thank} {for}{mark}"
        "|I am {glad} to {help}{mark}|I'm {glad} to {help}{mark}|I would be {glad} to {help}{mark}"
        "|I'd be {glad} to {help}{mark}|{yes}! I'd be {glad} to {help}.|{what}.|{what}{mark}"
        "|I am glad you asked{mark}|I'm glad you asked{mark}|I am an AI language model.|Hello{mark}"
        "|I am just an AI assistant.|Hello there! {thank} {for}.|Hi there!"
        "|Hello! I am {glad} to {help}."
    ),
    split(
        "{yes}, happy to do so{mark}|You have asked a(n) {good} {question}{mark}|Greetings{mark}"
        "|{thank} {for}, I am {glad} to {help}{mark}|My pleasure{mark}"
        "|It is my pleasure to {help}{mark}"
        "|I was hoping you would ask{mark}"
    ),
    {
        **_FILLER,
        "good2": (
            split("Great|Good|Excellent|Interesting|Wonderful|Very good"),
            split("Superb|Brilliant"),
        ),
    },
)

PREAMBLE = Grammar(
    split("{worth} |{worth} |{worth} |{model} |{model} |{sum} |{yes}, |{yes}! "),
    split("Now, as for your question, |I can tell you that |Here is the thing: |You see, "),
    _FILLER,
)

CLOSER = Grammar(
    split(
        "{hope}{mark}|{hope}{mark}|{feel} {more}{mark}|{feel} {more}{mark}|{wish}{mark}"
        "|{hope}, and {wish2}{mark}|If you have any other questions, {feel2}{mark}"
        "|If you have any questions, {feel2}{mark}|If you need anything else, {feel2}{mark}"
        "|If you need more information, {feel2}{mark}|If anything is unclear, {feel2}{mark}"
        "|I am always here to {help}{mark}|I'm always {glad} to {help}{mark}"
        "|I am {glad} to {help} further{mark}"
        "|Is there anything else I can help you with?|Do you have any other questions?"
        "|Does that make sense?|Does this answer your question?|That is all there is to say{mark}"
    ),
    split(
        "I remain {glad} to {help}{mark}|May this be of help{mark}|Anything else you want to know?"
        "|With any further questions, {feel2}{mark}|That should cover it{mark}"
    ),
    {
        **_FILLER,
        "feel2": (
            split(
                "feel free to ask|please feel free to ask|don't hesitate to ask|just let me know"
                "|please let me know|please ask|I am here to help|I'm happy to help"
            ),
            split("do get in touch|just say so"),
        ),
        "wish2": (
            split("good luck|best of luck|have a great day|take care|all the best"),
            split("have a lovely day"),
        ),
    },
)

#: Slang before a sentence (which goes on in lower case) and before its end.
SLANG_START = Grammar(
    split(
        "Bro, |Dude, |Yo, |Lol, |Omg, |Tbh, |Ngl, |Haha, |Ok so |Ok so like, |So like, |Like, "
        "|Yeah so "
        "|Yo dude, |Yo bro, |Hey man, |Man, |Lmao, |Aight so |Imo |Fyi |Btw |Btw, |Ya know, "
        "|Idk but "
        "|Lol ok so |Omg so |Yep, |Nah bro, |Tbh bro, |Wow ok, |K so |Hey dude, |Sup, "
    ),
    split("Bruh, |Fam, |Lol dude, |Omg bro, |Yo so like, |Imho |Ngl bro, "),
)
SLANG_END = Grammar(
    split(
        " lol| lmao| tbh| ngl| haha| imo| fr|, bro|, dude|, man|, ya know|, yo|, lol| and stuff"
        "| or whatever"
        "| n stuff| hahaha| omg| lol haha|, tbh|, ngl| and all that jazz|, you feel me|, my dude"
        "| rofl| idk"
    ),
    split(" lol bro|, bruh| imho| fr fr|, fam| tbh lol"),
)

#: Slang form -> clean form; each slang form has one meaning only.
SLANG = {
    "gonna": "going to", "wanna": "want to", "gotta": "have to", "kinda": "kind of",
    "sorta": "sort of", "lotsa": "lots of", "outta": "out of", "dunno": "do not know",
    "gimme": "give me", "lemme": "let me", "u": "you", "ur": "your", "urself": "yourself",
    "r": "are", "pls": "please", "plz": "please", "thx": "thanks", "cuz": "because",
    "coz": "because", "bc": "because", "ppl": "people", "b4": "before", "2day": "today",
    "tmrw": "tomorrow", "gr8": "great", "w/o": "without", "w/": "with", "tho": "though",
    "altho": "although", "thru": "through", "nite": "night", "lil": "little", "abt": "about",
    "smth": "something", "sm1": "someone", "any1": "anyone", "every1": "everyone",
    "nuthin": "nothing", "prolly": "probably", "rly": "really",
    "esp": "especially", "diff": "different", "mins": "minutes", "hrs": "hours", "yrs": "years",
    "pics": "pictures", "msg": "message", "probs": "problems", "vids": "videos", "wud": "would",
    "shud": "should", "cud": "could", "wat": "what", "dat": "that", "da": "the",
    "dem": "them", "nd": "and", "n": "and", "luv": "love", "gud": "good", "coulda": "could have",
    "shoulda": "should have", "woulda": "would have", "dont": "don't", "cant": "can't",
    "wont": "won't", "isnt": "isn't", "doesnt": "doesn't", "youre": "you're", "thats": "that's",
    "im": "I'm", "ive": "I've", "wen": "when", "wich": "which", "ez": "easy",
    "frnds": "friends", "wrk": "work", "hlp": "help", "hav": "have",
    "bday": "birthday", "tht": "that", "nvr": "never", "alwayz": "always", "betta": "better",
    "thang": "thing", "thangs": "things", "evry": "every", "enuf": "enough",
    "tru": "true", "wiv": "with", "frm": "from", "ther": "there", "othr": "other",
}  # fmt: skip
#: Verbs whose ``-ing`` is written ``-in``; the second list is held out.
DROPPED = (
    split(
        "doing|going|making|trying|working|looking|getting|using|having|eating|running|saying"
        "|thinking|taking|finding|giving|coming|telling|asking|keeping|feeling|helping|being"
        "|putting|playing|reading|learning|buying|sleeping|drinking|driving|writing|living"
    ),
    split("walking|talking|cooking|wearing|building|choosing|moving|watching|calling|turning"),
)
#: Words that are shouted one at a time inside a sentence.
SHOUTED = split(
    "never|always|very|really|must|not|all|every|only|important|best|free|now|stop|do|this|so|too"
    "|much|more|many|any|no|and|should|can|good|great|first|most|most|before|after|you|your|will"
    "|need|everything|nothing|both|also|often|well|time|people|help|please|like|just|keep|make|try"
)
