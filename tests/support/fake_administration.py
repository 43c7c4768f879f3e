"""The store of administrators in memory. ``fakes`` has the others, and the memory that they share."""

from dataclasses import replace

from chalicelib.accounts.addresses import canonical_address
from chalicelib.errors import Conflict, UsernameTaken
from chalicelib.use_cases.administration_ports import UserPage


def is_active_administrator(user):
    return "admin" in user.roles and not user.disabled


def delete_user(memory, user, at):
    """Delete a user and all that was the user's, if the user is as read and not the last active administrator."""
    found = memory.user(user.username)
    if found is None and user.verified_email is None:
        return
    as_read = (user.id, set(user.roles), user.disabled, user.verified_email)
    if found is None or (found.id, set(found.roles), found.disabled, found.verified_email) != as_read:
        raise Conflict
    memory.let_go(found)
    memory.tell_ended(user.id, at, is_user=True)
    if user.verified_email is not None:
        memory.mails.owners.pop(canonical_address(user.verified_email), None)
    memory.users.pop(user.username_key, None)
    for passkey_id in user.passkeys:
        memory.factors.passkeys.pop(passkey_id, None)
    memory.begin_anew(user.username_key)
    for key in [key for key in memory.sessions if key[0] == user.id]:
        del memory.sessions[key]
    memory.events[:] = [event for event in memory.events if event.user_id != user.id]


class FakeAdministrationStore:
    def __init__(self, memory):
        self._memory = memory

    def page(self, prefix, after, limit):
        with self._memory.lock:
            names = sorted(name for name in self._memory.users if name.startswith(prefix))
            left = [name for name in names if after is None or name > after]
            users = [self._memory.user(name) for name in left[:limit]]
            # As DynamoDB does: a page that is full may be the last one.
            return UserPage(users, left[limit - 1] if len(left) >= limit else None)

    def with_id(self, user_id):
        with self._memory.lock:
            found = [user for user in self._memory.users.values() if user.id == user_id]
            return self._memory.user(found[0].username) if found else None

    def suppressed(self, address):
        with self._memory.lock:
            return self._memory.mails.suppressed.get(canonical_address(address))

    def create(self, user, events, mail):
        with self._memory.lock:
            email = user.verified_email
            if user.username_key in self._memory.users:
                raise UsernameTaken
            if email is not None and not self._memory.mails.is_free(email, user):
                raise UsernameTaken
            if email is not None:
                self._memory.mails.owners[canonical_address(email)] = user.id
            self._memory.users[user.username_key] = user
            self._memory.begin_anew(user.username_key)
            self._memory.events.extend(events)
            self._memory.mails.put(mail)

    def change(self, user, *, roles, disabled, events):
        with self._memory.lock:
            found = self._as_read(user)
            changed = replace(found, roles=tuple(sorted(roles)), disabled=disabled)
            if is_active_administrator(found) and not is_active_administrator(changed):
                self._memory.let_go(found)
            if disabled and not found.disabled:
                changed = replace(changed, session_epoch=found.session_epoch + 1, contact=found.settled_contact)
                self._memory.mails.password_changed(user)
            self._memory.users[user.username_key] = changed
            self._memory.events.extend(events)
            if changed.session_epoch != found.session_epoch:
                self._end_all(user, events)

    def delete(self, user, events):
        with self._memory.lock:
            delete_user(self._memory, user, events[0].at)
            self._memory.events.extend(event for event in events if event.user_id != user.id)

    def end_sessions(self, user, events):
        with self._memory.lock:
            found = self._same(user)
            self._memory.users[user.username_key] = replace(
                found, session_epoch=found.session_epoch + 1, contact=found.settled_contact
            )
            self._memory.events.extend(events)
            self._end_all(user, events)

    def password_version(self, user):
        with self._memory.lock:
            self._same(user)
            return self._memory.mails.version(user)

    def hand_over(self, user, mail, events):
        with self._memory.lock:
            found = self._same(user)
            if found.disabled or self._memory.mails.version(user) != mail.handed_over.password_version:
                raise Conflict
            self._memory.mails.put(mail)
            self._memory.events.extend(events)

    def remove_second_factor(self, user, events, mail):
        with self._memory.lock:
            found = self._same(user)
            if not user.second_factor or not found.second_factor or found.factors.totp != user.factors.totp:
                raise Conflict
            factors = replace(found.factors, totp=None, totp_added_at=0, totp_step=-1, recovery_codes=())
            self._memory.users[user.username_key] = replace(found, factors=factors if factors.passkeys else None)
            self._memory.events.extend(events)
            self._memory.mails.put(mail)

    def _same(self, user):
        found = self._memory.user(user.username)
        if found is None or found.id != user.id:
            raise Conflict
        return found

    def _as_read(self, user):
        found = self._same(user)
        if (set(found.roles), found.disabled) != (set(user.roles), user.disabled):
            raise Conflict
        return found

    def _end_all(self, user, events):
        self._memory.tell_ended(user.id, events[0].at, is_user=True)
        for key, session in list(self._memory.sessions.items()):
            if session.user_id == user.id and session.epoch <= user.session_epoch:
                del self._memory.sessions[key]
