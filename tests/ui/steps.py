"""What a visitor does in the arena; each step ends when the page shows what follows from it."""

from playwright.sync_api import expect


def choose_database(page, name, example):
    """Choose it, and wait until its first example stands where the question was."""
    if page.input_value("#db input") != name:
        page.fill("#question textarea", "")
        page.click("#db input")
        page.get_by_role("option", name=name, exact=True).click()
        expect(page.locator("#question textarea")).to_have_value(example)


def start(page, question, keys=""):
    """Ask, by the button or by keys, and leave the models at work."""
    page.fill("#question textarea", question)
    if keys:
        page.press("#question textarea", keys)
    else:
        page.click("#ask")


def ask(page, question, keys=""):
    """Ask and wait for both results and the verdict buttons."""
    page.evaluate("document.querySelectorAll('.side-column :is(.grid, .outcome)').forEach((each) => each.dataset.old = 'yes')")
    start(page, question, keys)
    for side in "ab":
        page.wait_for_selector(f"#table-{side} :is(.grid, .outcome):not([data-old])")
    expect(page.locator("#vote-tie")).to_be_enabled()


def vote(page, winner):
    page.click(f"#vote-{winner}")
    page.wait_for_selector("#reveal .recorded")


def text(page, *parts):
    """What parts of the page say now; for what must not be there once something else of the same update is."""
    return "\n".join(page.inner_text(each) for each in parts)
