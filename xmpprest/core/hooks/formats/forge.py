"""
Webhooks of GitHub, and of Gitea, Forgejo and Gogs, whose payloads are alike
(https://docs.github.com/en/webhooks/webhook-events-and-payloads,
https://docs.gitea.com/usage/webhooks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..markup import fromMarkdown
from ..notice import MAX_ITEM_TEXT, MAX_ITEMS, Notice, join, linkOf
from ..request import Fields, HookRequest
from ..text import clean, oneLine, plural, shorten, tidy

_GITEA = ("x-gitea-event", "x-forgejo-event", "x-gogs-event")
_GITHUB = ("x-github-event",)

#: The names of objects in events, for sentences.
_OBJECTS = {
    "pull_request": "pull request",
    "issue": "issue",
    "discussion": "discussion",
}


def isGitea(request: HookRequest) -> bool:
    """Return whether a request is from Gitea, Forgejo or Gogs."""
    return bool(request.header(*_GITEA))


def isGitHub(request: HookRequest) -> bool:
    """Return whether a request is from GitHub."""
    return bool(request.header(*_GITHUB))


def notice(request: HookRequest) -> Notice:
    """Return the facts of an event."""
    event = oneLine(request.header(*_GITEA, *_GITHUB), 60) or "event"
    fields = request.fields
    made = _EVENTS.get(event, _other)(event, fields)
    return Notice(
        event=event,
        title=made.title or oneLine(event),
        state=made.state,
        where=made.where or _repository(fields),
        text=made.text,
        link=made.link or linkOf(fields.text("repository.html_url")),
        items=made.items,
        omitted=made.omitted,
    )


def commits(found: Sequence[object], total: int) -> tuple[tuple[Notice, ...], int]:
    """
    Return commits as items, the newest last, and the number of others.

    @param total: The number of commits that were pushed, of which a sender may list
        only some.
    """
    shown = [Fields(each) for each in found[:MAX_ITEMS]]
    items = tuple(
        Notice(
            title=join(
                each.text("id", "sha")[:8],
                oneLine(each.text("title", "message").split("\n")[0]) or "no message",
                separator=" ",
            ),
            where=oneLine(each.text("author.name", "author.username"), 60),
        )
        for each in shown
    )
    return items, max(total, len(found)) - len(shown)


def excerpt(text: str) -> str:
    """Return the beginning of a text in Markdown, such as the text of an issue."""
    return shorten(tidy(clean(fromMarkdown(text[: MAX_ITEM_TEXT * 4]))), MAX_ITEM_TEXT)


def refName(ref: str) -> str:
    """Return the name of a branch or tag, with what it is: C{"tag v1.0"}."""
    kind = "tag" if ref.startswith("refs/tags/") else "branch"
    name = ref.removeprefix("refs/tags/").removeprefix("refs/heads/")
    return oneLine(name) if kind == "branch" else f"tag {oneLine(name)}"


def _repository(fields: Fields) -> str:
    return oneLine(fields.text("repository.full_name", "organization.login"))


def _who(fields: Fields) -> str:
    names = ("sender.login", "sender.username", "pusher.name", "pusher.login")
    return oneLine(fields.text(*names), 60) or "Somebody"


def _push(event: str, fields: Fields) -> Notice:
    who, name = _who(fields), refName(fields.text("ref"))
    after = fields.text("after")
    isDeleted = fields.isTrue("deleted") or (after and not after.strip("0"))
    link = linkOf(fields.text("compare", "compare_url"))
    found = fields.list("commits")
    if isDeleted:
        return Notice(title=f"{who} deleted {name}")
    if not found:
        return Notice(title=f"{who} pushed {name} without new commits", link=link)
    items, others = commits(found, int(fields.number("total_commits") or 0))
    verb = "force-pushed" if fields.isTrue("forced") else "pushed"
    counted = plural(len(items) + others, "commit")
    return Notice(
        title=f"{who} {verb} {counted} to {name}",
        link=link,
        items=items,
        omitted=others,
    )


def _ref(event: str, fields: Fields) -> Notice:
    """Return the facts of C{create} and C{delete}: of a branch or tag."""
    kind, name = fields.text("ref_type") or "branch", oneLine(fields.text("ref"))
    return Notice(title=f"{_who(fields)} {event}d {oneLine(kind)} {name}")


def _subject(event: str, fields: Fields) -> Notice:
    """Return the facts of an event of an issue, a pull request or a discussion."""
    key = next((each for each in _OBJECTS if each in fields), "issue")
    found, action = fields.object(key), _action(fields)
    if found.isTrue("merged") and action == "closed":
        action = "merged"
    body = found.text("body") if action in ("opened", "created") else ""
    return Notice(
        title=f"{_who(fields)} {action} {_numbered(key, found)}",
        text=excerpt(body),
        link=_link(key, found, fields),
    )


def _comment(event: str, fields: Fields) -> Notice:
    """Return the facts of a comment or a review."""
    key = next((each for each in _OBJECTS if each in fields), "")
    found = fields.object(key) if key else Fields(None)
    isPull = key == "issue" and bool(found.get("pull_request"))
    target = _numbered("pull_request" if isPull else key, found) if key else "a commit"
    comment = fields.object("review" if "review" in fields else "comment")
    verb = {"approved": "approved", "changes_requested": "requested changes in"}.get(
        comment.text("state", "type").lower(), "commented on"
    )
    if _action(fields) in ("deleted", "edited", "dismissed"):
        verb = f"{_action(fields)} a comment on"
    return Notice(
        title=f"{_who(fields)} {verb} {target}",
        text=excerpt(comment.text("body", "content")),
        link=linkOf(comment.text("html_url")) or _link(key, found, fields),
    )


def _release(event: str, fields: Fields) -> Notice:
    found = fields.object("release")
    name = oneLine(found.text("name", "tag_name")) or "a release"
    return Notice(
        title=f"{_who(fields)} {_action(fields)} release {name}",
        text=excerpt(found.text("body")),
        link=linkOf(found.text("html_url")),
    )


def _run(event: str, fields: Fields) -> Notice:
    """Return the facts of a workflow, a job, or a check."""
    found = fields.object(event)
    state = found.text("conclusion", "status") or _action(fields)
    number = oneLine(found.text("run_number"), 20)
    name = oneLine(found.text("name", "workflow_name", "app.name")) or _words(event)
    branch = oneLine(found.text("head_branch", "check_suite.head_branch"))
    return Notice(
        title=join(
            name,
            f"#{number}" if number else "",
            branch and f"on {branch}",
            separator=" ",
        ),
        state=oneLine(_words(state), 40).upper(),
        text=oneLine(found.text("display_title", "output.title")),
        link=linkOf(found.text("html_url")),
    )


def _status(event: str, fields: Fields) -> Notice:
    """Return the facts of the status of a commit."""
    return Notice(
        title=join(fields.text("context"), fields.text("sha")[:8], separator=" on "),
        state=oneLine(fields.text("state"), 40).upper(),
        text=oneLine(fields.text("description")),
        link=linkOf(fields.text("target_url")),
    )


def _ping(event: str, fields: Fields) -> Notice:
    return Notice(title="The webhook is connected", text=oneLine(fields.text("zen")))


def _other(event: str, fields: Fields) -> Notice:
    """Return what can be said of any event."""
    found = fields.object(event)
    name = oneLine(found.text("title", "name", "login"))
    action = _action(fields) if "action" in fields else ""
    words = join(_words(event), action, name, separator=" ")
    return Notice(title=f"{_who(fields)}: {words}", link=linkOf(found.text("html_url")))


def _action(fields: Fields) -> str:
    return oneLine(_words(fields.text("action")), 60) or "updated"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _numbered(key: str, found: Fields) -> str:
    number, title = oneLine(found.text("number"), 20), oneLine(found.text("title"))
    kind = _OBJECTS.get(key, key)
    return f"{kind} #{number}: {title}" if number else join(kind, title, separator=" ")


def _link(key: str, found: Fields, fields: Fields) -> str:
    """Return the address of an issue, which old versions of Gitea do not send."""
    link = linkOf(found.text("html_url"))
    home, number = fields.text("repository.html_url"), found.text("number")
    if link or not (home and number):
        return link
    return linkOf(f"{home}/{'pulls' if key == 'pull_request' else 'issues'}/{number}")


_EVENTS: Mapping[str, Callable[[str, Fields], Notice]] = {
    "push": _push,
    "create": _ref,
    "delete": _ref,
    "issues": _subject,
    "pull_request": _subject,
    "discussion": _subject,
    "issue_comment": _comment,
    "commit_comment": _comment,
    "discussion_comment": _comment,
    "pull_request_comment": _comment,
    "pull_request_review": _comment,
    "pull_request_review_comment": _comment,
    "pull_request_approved": _comment,
    "pull_request_rejected": _comment,
    "release": _release,
    "workflow_run": _run,
    "workflow_job": _run,
    "check_run": _run,
    "check_suite": _run,
    "status": _status,
    "ping": _ping,
}
