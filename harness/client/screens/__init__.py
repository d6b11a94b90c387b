"""What a person does: one screen a file. An operation is one or more attempts, measured from intent to done.

Screens stand above everything else in harness.client and take the whole device; nothing there imports them. Here: the
app's opening, onboarding, presence, commuting, and what all screens share. Screens for titles and people: `browse`;
for messages: `chat`.
"""
