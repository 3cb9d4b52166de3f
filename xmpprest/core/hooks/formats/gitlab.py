"""
Webhooks of GitLab
(https://docs.gitlab.com/user/project/integrations/webhook_events/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..notice import MAX_ITEMS, Notice, join, linkOf
from ..request import Fields, HookRequest
from ..text import oneLine, plural
from .forge import commits, excerpt, refName

#: What GitLab calls an action, and the word for a sentence.
_ACTIONS = {"open": "opened", "close": "closed", "reopen": "reopened"}
_ACTIONS |= {"merge": "merged", "update": "updated", "create": "created"}
_ACTIONS |= {"approved": "approved", "unapproved": "unapproved", "delete": "deleted"}


def isGitLab(request: HookRequest) -> bool:
    """Return whether a request is from GitLab."""
    return "x-gitlab-event" in request.headers


def notice(request: HookRequest) -> Notice:
    """Return the facts of an event."""
    fields = request.fields
    header = request.header("x-gitlab-event").removesuffix(" Hook").lower()
    event = oneLine(fields.text("object_kind", "event_name") or header, 60) or "event"
    made = _EVENTS.get(event, _other)(event, fields)
    project = fields.text("project.path_with_namespace", "project_name", "group_path")
    return Notice(
        event=event,
        title=made.title or event,
        state=made.state,
        where=oneLine(project or fields.text("path_with_namespace", "full_path")),
        text=made.text,
        link=made.link or linkOf(fields.text("project.web_url")),
        items=made.items,
        omitted=made.omitted,
    )


def _who(fields: Fields) -> str:
    names = ("user_username", "user.username", "user_name", "user.name")
    return oneLine(fields.text(*names), 60) or "Somebody"


def _push(event: str, fields: Fields) -> Notice:
    who, name = _who(fields), refName(fields.text("ref"))
    before, after = fields.text("before"), fields.text("after")
    if after and not after.strip("0"):
        return Notice(title=f"{who} deleted {name}")
    home = linkOf(fields.text("project.web_url"))
    total = int(fields.number("total_commits_count") or 0)
    if event == "tag_push" or not fields.list("commits"):
        verb = "pushed" if before.strip("0") else "created"
        ref = oneLine(fields.text("ref").removeprefix("refs/tags/"))
        isTag = event == "tag_push" and home
        return Notice(
            title=f"{who} {verb} {name}",
            link=linkOf(f"{home}/-/tags/{ref}") if isTag else "",
        )
    items, others = commits(fields.list("commits")[-MAX_ITEMS:], total)
    counted = plural(len(items) + others, "commit")
    isNew = not before.strip("0")
    compare = f"{home}/-/compare/{before}...{after}" if home and not isNew else ""
    return Notice(
        title=f"{who} pushed {counted} to {name}",
        link=linkOf(compare),
        items=items,
        omitted=others,
    )


def _subject(event: str, fields: Fields) -> Notice:
    """Return the facts of an issue, another work item, or a merge request."""
    found = fields.object("object_attributes")
    isMerge = event == "merge_request"
    kind = (
        "merge request"
        if isMerge
        else oneLine(found.text("type") or "issue", 40).lower()
    )
    mark = "!" if isMerge else "#"
    action = _action(found)
    return Notice(
        title=f"{_who(fields)} {action} {kind} {mark}{found.text('iid')}:"
        f" {oneLine(found.text('title'))}",
        text=excerpt(found.text("description")) if action == "opened" else "",
        link=linkOf(found.text("url")),
    )


def _note(event: str, fields: Fields) -> Notice:
    """Return the facts of a comment."""
    found = fields.object("object_attributes")
    targets = (("merge_request", "merge request !"), ("issue", "issue #"))
    target = ""
    for key, words in targets:
        if key in fields and not target:
            about = fields.object(key)
            target = f"{words}{about.text('iid')}: {oneLine(about.text('title'))}"
    if not target:
        commit = fields.text("commit.id")[:8]
        target = f"commit {commit}" if commit else "a snippet"
    return Notice(
        title=f"{_who(fields)} commented on {target}",
        text=excerpt(found.text("note")),
        link=linkOf(found.text("url")),
    )


def _pipeline(event: str, fields: Fields) -> Notice:
    found = fields.object("object_attributes")
    builds = [Fields(each) for each in fields.list("builds")]
    failed = [each for each in builds if each.text("status") == "failed"]
    id, ref = found.text("id"), oneLine(found.text("ref"))
    home = linkOf(fields.text("project.web_url"))
    address = f"{home}/-/pipelines/{id}" if home and id else ""
    name = oneLine(found.text("name")) or join(
        "Pipeline", id and f"#{id}", separator=" "
    )
    message = oneLine(fields.text("commit.title", "commit.message"))
    return Notice(
        title=join(name, ref and f"on {ref}", separator=" "),
        state=oneLine(found.text("status"), 40).upper(),
        text=join(message, fields.text("commit.author.name"), separator=" by "),
        link=linkOf(found.text("url")) or linkOf(address),
        items=tuple(_job(each) for each in failed[:MAX_ITEMS]),
        omitted=max(len(failed) - MAX_ITEMS, 0),
    )


def _job(build: Fields) -> Notice:
    """Return the facts of a job of a pipeline that failed."""
    reason = build.text("failure_reason").replace("_", " ")
    stage = f"stage {build.text('stage')}" if build.text("stage") else ""
    return Notice(
        title=oneLine(build.text("name")) or "job",
        state="FAILED",
        where=join(stage, reason),
    )


def _build(event: str, fields: Fields) -> Notice:
    home, id = linkOf(fields.text("project.web_url")), fields.text("build_id")
    status = fields.text("build_status")
    reason = fields.text("build_failure_reason").replace("_", " ")
    name, ref = oneLine(fields.text("build_name")), oneLine(fields.text("ref"))
    return Notice(
        title=f"Job {name} on {ref}",
        state=oneLine(status, 40).upper(),
        text=oneLine(reason) if status == "failed" else "",
        link=linkOf(f"{home}/-/jobs/{id}") if home and id else "",
    )


def _deployment(event: str, fields: Fields) -> Notice:
    return Notice(
        title=f"Deployment to {oneLine(fields.text('environment'))}",
        state=oneLine(fields.text("status"), 40).upper(),
        text=join(fields.text("short_sha"), fields.text("commit_title"), separator=" "),
        link=linkOf(fields.text("environment_external_url", "deployable_url")),
    )


def _release(event: str, fields: Fields) -> Notice:
    name = oneLine(fields.text("name", "tag")) or "a release"
    return Notice(
        title=f"Release {name} {_action(fields)}",
        text=excerpt(fields.text("description")),
        link=linkOf(fields.text("url")),
    )


def _other(event: str, fields: Fields) -> Notice:
    """Return what can be said of any event."""
    found = fields.object("object_attributes")
    names = found.text("title", "name", "slug") or fields.text("name", "group_name")
    action = _action(found) if "action" in found else ""
    words = join(event.replace("_", " "), action, names, separator=" ")
    link = linkOf(found.text("url"))
    return Notice(title=f"{_who(fields)}: {words}", link=link)


def _action(found: Fields) -> str:
    action = oneLine(found.text("action"), 40)
    return _ACTIONS.get(action, action) or "updated"


_EVENTS: Mapping[str, Callable[[str, Fields], Notice]] = {
    "push": _push,
    "tag_push": _push,
    "issue": _subject,
    "work_item": _subject,
    "merge_request": _subject,
    "note": _note,
    "pipeline": _pipeline,
    "build": _build,
    "deployment": _deployment,
    "release": _release,
}
