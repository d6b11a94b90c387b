"""What a person did, and what their screens were doing meanwhile: the words of the actions table. (pure)

An action is written down where it is decided or seen, never where a request is sent, so that what a session should have
sent can be worked out from its actions alone. `subject`, `number` and `seconds` mean what the comment says; where it
says nothing they are "", 1 and 0. Names are kept as they are: records are compared by them.
"""

from __future__ import annotations

from enum import StrEnum


class UserAction(StrEnum):
    """One kind of action."""

    # ---- decided by the person, hence by the session's dice ----------------------------------------------------
    DRAWN = "drawn"  # since the last flush. subject: quantity; number: draws; seconds: sum of values, in their unit
    SIGN_UP = "sign_up"
    LOOK = "look"  # at the card on top. subject: title; seconds: for how long
    GESTURE = "gesture"  # subject: like, dislike or skip; when the look is over
    NOTE = "note"  # a tap under the card on top. subject: rating, watched or watchlist
    HEART = "heart"  # on a title's page. subject: title
    WATCHLIST = "watchlist"  # subject: title or search, with " off" when taken off there again
    REVIEW = "review"  # of the title whose page is open
    STATUS = "status"  # subject: the library status given to a title
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    QUERY = "query"  # a text stood still in the search field. subject: it, after a chip; number: 1 when typing was over
    PEOPLE = "people"  # the people tab of a search. subject: the text
    LIKED = "liked"  # titles picked on the taste page. number: how many
    TYPE = "type"  # wrote a message. seconds: for how long
    SEND = "send"  # subject: direct, group or assistant
    EDIT = "edit"
    DELETE = "delete"  # number: attachments on the message
    REACT = "react"
    ATTACH = "attach"  # number: bytes
    AWAY = "away"  # the app goes to the background
    BACK = "back"  # and is on screen again

    # ---- where the person is ------------------------------------------------------------------------------------
    PAGE_LOAD = "page_load"  # subject: signed_in or signed_out
    ENTER = "enter"  # into the app without a reload, after a sign-in or sign-up on a page loaded signed out
    OPEN = "open"  # a screen. subject: its name
    LEAVE = "leave"  # subject: the screen's name
    SURFACE = "surface"  # what the assistant's hint is about from now on. subject: surface and context; "" for no hint
    TITLE = "title"  # the title's page just opened. subject: title
    MORE = "more"  # scrolled to the end of a feed that goes on
    CHAT = "chat"  # opened a conversation. subject: direct or group; number: 1 when its channel is SUBSCRIBED, else 0
    CHANNEL = "channel"  # it changed. number: 1 when the channel of the open conversation is SUBSCRIBED now, else 0
    CHAT_LEAVE = "chat_leave"
    OLDER = "older"  # scrolled up to an older page of a conversation
    NEW_CHAT = "new_chat"  # asked for a direct conversation with somebody
    OFFLINE = "offline"
    ONLINE = "online"
    KILLED = "killed"  # by the system
    CLOSED = "closed"  # the app, by the person or the end of the run

    # ---- what the target gave them to see -------------------------------------------------------------------------
    LEAD = "lead"  # a title that the home screen came to tell more of. subject: call and title
    CARDS = "cards"  # fresh ones under the stack of the swipe page. number: how many; seconds: age of kept ones
    HINT = "hint"  # another suggestion stands first on the hint. subject: which
    RESULTS = "results"  # what the app's own search answered for a text. subject: the text; number: titles
    FOUND = "found"  # titles TMDb knows for a text. subject: the text; number: how many
    UNKNOWN = "unknown"  # those of them that the catalogue did not answer. subject: the text; number: how many
    UNSCORED = "unscored"  # a title found with a titles chip that has no score: its row is written
    FOUND_PEOPLE = "found_people"  # number: how many
    LISTED = "listed"  # conversations in a list that came. number: how many people in them
    AVATARS = "avatars"  # pictures in it that this page has not shown. number: how many
    FOREIGN = "foreign"  # messages of others, new on screen. subject: live or loaded; number: how many
    FILES = "files"  # attachments, new on screen. number: how many
    NEWEST = "newest"  # another message is the newest of the open conversation
    OWN = "own"  # another message is the newest of one's own there
    PAGES = "pages"  # pages of messages loaded in the open conversation. number: how many
    REACTED = "reacted"  # the emoji was there already, so it comes off
    ASKED = "asked"  # the assistant, once the debounce is over
    ANSWERED = "answered"  # or given up. seconds: since asked


BY_RNG = frozenset(
    (
        UserAction.DRAWN,
        UserAction.SIGN_UP,
        UserAction.LOOK,
        UserAction.GESTURE,
        UserAction.NOTE,
        UserAction.HEART,
        UserAction.REVIEW,
        UserAction.WATCHLIST,
        UserAction.STATUS,
        UserAction.QUERY,
        UserAction.PEOPLE,
        UserAction.LIKED,
        UserAction.TYPE,
        UserAction.SEND,
        UserAction.EDIT,
        UserAction.DELETE,
        UserAction.REACT,
        UserAction.ATTACH,
        UserAction.AWAY,
        UserAction.BACK,
    )
)
"""Actions that the seed alone decides, as long as the target answers what it is asked. Following is none of them:
whether a feed's row names anybody is the target's doing."""
