"""The store of second factors and passkeys in memory. ``fakes`` has the others, and the memory that they share."""

from dataclasses import replace

from chalicelib.accounts.factors import MOST_PASSKEYS, Factors
from chalicelib.errors import Conflict, InvalidChallenge, InvalidCode


class FakeFactors:
    """The passkeys and the used challenges of a memory."""

    def __init__(self):
        self.passkeys = {}
        self.used = set()

    def check(self, found, use):
        """Raise InvalidChallenge or InvalidCode unless a user, as stored, can use this."""
        if use.challenge is not None and use.challenge.id in self.used:
            raise InvalidChallenge("used")
        factors = found.factors or Factors()
        if use.totp_step is not None and (factors.totp is None or factors.totp_step >= use.totp_step):
            raise InvalidCode("used")
        if use.recovery_code is not None and use.recovery_code not in factors.recovery_codes:
            raise InvalidCode("used")
        if use.passkey is not None:
            stored = self.passkeys.get(use.passkey.passkey.id)
            if stored is None or stored.user_id != found.id or stored.id not in factors.passkeys:
                raise InvalidCode("gone")
            if stored.sign_count >= use.passkey.sign_count and (stored.sign_count, use.passkey.sign_count) != (0, 0):
                raise InvalidCode("used")

    def use_up(self, memory, found, use, now):
        """Return a user after a use that ``check`` has let pass."""
        if use.challenge is not None:
            self.used.add(use.challenge.id)
        factors = found.factors or Factors()
        if use.totp_step is not None:
            factors = replace(factors, totp_step=use.totp_step, totp=use.resealed_totp or factors.totp)
        if use.recovery_code is not None:
            left = tuple(code for code in factors.recovery_codes if code != use.recovery_code)
            factors = replace(factors, recovery_codes=left)
        if use.passkey is not None:
            stored = self.passkeys[use.passkey.passkey.id]
            self.passkeys[stored.id] = replace(
                stored, sign_count=use.passkey.sign_count, backed_up=use.passkey.backed_up, last_used_at=now
            )
        if use.window is not None:
            memory.uncount(use.window)
        if use.event is not None:
            memory.events.append(use.event)
        memory.mails.put(use.mail)
        return replace(found, factors=factors)


class FakeFactorStore:
    def __init__(self, memory):
        self._memory = memory

    def count_try(self, window):
        with self._memory.lock:
            counters = self._memory.windows.setdefault(window.key, {})
            for name, most in window.limits.items():
                if counters.setdefault(name, 0) >= most:
                    return name
            for name in window.limits:
                counters[name] += 1
            return None

    def failed(self, event):
        with self._memory.lock:
            self._memory.events.append(event)

    def add_totp(self, user, session, factors, challenge, event, mail):
        with self._memory.lock:
            self._use(challenge)
            found = self._unchanged(user)
            stored = self._memory.sessions.get((user.id, session.id))
            if stored is None or stored.epoch != user.session_epoch:
                raise Conflict
            self._memory.factors.used.add(challenge.id)
            epoch = user.session_epoch + 1
            for key in [key for key in self._memory.sessions if key[0] == user.id]:
                del self._memory.sessions[key]
            self._memory.sessions[user.id, session.id] = replace(
                stored, epoch=epoch, amr=session.amr, authenticated_at=session.authenticated_at
            )
            added = replace(factors, passkeys=found.passkeys)
            contact = found.contact
            if contact is None or contact.asked_by != session.id:
                contact = found.settled_contact
            self._memory.users[user.username_key] = replace(found, factors=added, session_epoch=epoch, contact=contact)
            self._memory.tell_ended(user.id, event.at, is_user=True)
            self._record(event, mail)

    def remove_totp(self, user, event, mail):
        with self._memory.lock:
            found = self._with_totp_of(user)
            left = Factors(passkeys=found.passkeys) if found.passkeys else None
            self._memory.users[user.username_key] = replace(found, factors=left)
            self._record(event, mail)

    def replace_recovery_codes(self, user, digests, event, mail):
        with self._memory.lock:
            found = self._with_totp_of(user)
            replaced = replace(found.factors, recovery_codes=tuple(sorted(digests)))
            self._memory.users[user.username_key] = replace(found, factors=replaced)
            self._record(event, mail)

    def find_passkey(self, passkey_id):
        with self._memory.lock:
            return self._memory.factors.passkeys.get(passkey_id)

    def passkeys_of(self, user):
        with self._memory.lock:
            found = [self._memory.factors.passkeys[passkey_id] for passkey_id in user.passkeys]
            return sorted(found, key=lambda passkey: (passkey.created_at, passkey.id))

    def add_passkey(self, user, passkey, challenge, event, mail):
        with self._memory.lock:
            self._use(challenge)
            if passkey.id in self._memory.factors.passkeys:
                raise Conflict
            found = self._unchanged(user)
            if len(found.passkeys) >= MOST_PASSKEYS:
                raise Conflict
            self._memory.factors.used.add(challenge.id)
            self._memory.factors.passkeys[passkey.id] = passkey
            self._set_passkeys(found, (*found.passkeys, passkey.id))
            self._record(event, mail)

    def label_passkey(self, user, passkey_id, label):
        with self._memory.lock:
            passkey = self._memory.factors.passkeys.get(passkey_id)
            if passkey is None or passkey.user_id != user.id:
                return None
            labelled = self._memory.factors.passkeys[passkey_id] = replace(passkey, label=label)
            return labelled

    def remove_passkey(self, user, passkey_id, event, mail):
        with self._memory.lock:
            if passkey_id not in user.passkeys:
                return False
            found = self._unchanged(user)
            if set(found.passkeys) != set(user.passkeys):
                raise Conflict
            del self._memory.factors.passkeys[passkey_id]
            self._set_passkeys(found, tuple(other for other in found.passkeys if other != passkey_id))
            self._record(event, mail)
            return True

    def _use(self, challenge):
        if challenge.id in self._memory.factors.used:
            raise InvalidChallenge("used")

    def _unchanged(self, user):
        found = self._memory.users.get(user.username_key)
        was = (user.id, user.password_hash, user.session_epoch, False)
        if found is None or (found.id, found.password_hash, found.session_epoch, found.disabled) != was:
            raise Conflict
        return found

    def _with_totp_of(self, user):
        found = self._unchanged(user)
        if found.factors is None or user.factors is None or found.factors.totp != user.factors.totp:
            raise Conflict
        return found

    def _set_passkeys(self, found, passkeys):
        factors = replace(found.factors or Factors(), passkeys=tuple(sorted(passkeys)))
        has_any = factors.totp is not None or factors.passkeys
        self._memory.users[found.username_key] = replace(found, factors=factors if has_any else None)

    def _record(self, event, mail):
        self._memory.events.append(event)
        self._memory.mails.put(mail)
