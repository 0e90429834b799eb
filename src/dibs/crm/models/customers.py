"""Customers: accounts, the people there, and who of them must not be contacted."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from dibs.people.models import Rep, User
from dibs.people.tenancy import WorkspaceRow


class Account(WorkspaceRow):
    """A customer or target company; ``parent`` makes families. ``domain`` is a registered domain, lower case; ``name_key`` the name as
    names are compared, ``phone`` in E.164. ``external_id`` is what the system it comes from calls it.
    """

    name = models.CharField(max_length=300)
    name_key = models.CharField(max_length=300, default="")
    external_id = models.CharField(max_length=200, null=True, blank=True)
    phone = models.CharField(max_length=64, null=True, blank=True)
    customer = models.BooleanField(default=False)
    domain = models.CharField(max_length=253, null=True, blank=True)
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")
    owner = models.ForeignKey(Rep, on_delete=models.SET_NULL, null=True, blank=True, related_name="accounts")
    #: Made of a lead that no account was known for, and not written down by somebody.
    made = models.BooleanField(default=False)
    #: Whether the marks of its name are written: of one that was made of a lead they are a minute later.
    marked = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "domain"], condition=Q(domain__isnull=False), name="account_domain_once"
            ),
            # Two leads of one new company without a domain, at the same moment, make one account.
            models.UniqueConstraint(
                fields=["workspace", "name_key"],
                condition=Q(made=True, domain__isnull=True, external_id__isnull=True),
                name="account_made_once",
            ),
            models.UniqueConstraint(
                fields=["workspace", "external_id"],
                condition=Q(external_id__isnull=False),
                name="account_external_once",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "name_key"], name="account_by_name"),
            models.Index(fields=["workspace", "phone"], condition=Q(phone__isnull=False), name="account_by_phone"),
            models.Index(fields=["workspace", "id"], condition=Q(marked=False), name="account_to_mark"),
        ]

    def __str__(self) -> str:
        return self.name


class AccountMark(models.Model):
    """A number that an account's name has in common with the names that a slip makes of it (`crm.marks`): how a name written otherwise
    is found among a million.

    Row-level security lets no index answer "is like", but "is equal" it does. A mark is of one workspace, so that the key needs not
    name it. No constraints but the key: each would be a look into another table for each of the rows an account has.
    """

    pk = models.CompositePrimaryKey("mark", "account_id")
    workspace = models.ForeignKey(
        "people.Workspace", on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    mark = models.BigIntegerField()
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="marks"
    )


class Contact(WorkspaceRow):
    """A person at an account, or one of their own. ``email`` is normalised as persons are recognised by it, lower case."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="contacts")
    name = models.CharField(max_length=300, default="", blank=True)
    title = models.CharField(max_length=300, null=True, blank=True)
    email = models.CharField(max_length=320, null=True, blank=True)
    phone = models.CharField(max_length=64, null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "email"], condition=Q(email__isnull=False), name="contact_email_once"
            )
        ]


class DoNotContact(WorkspaceRow):
    """Somebody who must not be contacted. ``digest`` is a keyed hash of the normalised address or number, so that the list outlives the
    person's erasure and tells nobody who is on it; ``shown`` is what people recognise it by while the person is known, as
    ``a***@example.com``.
    """

    digest = models.BinaryField(max_length=32)
    what = models.CharField(max_length=5)  # mail | phone
    shown = models.CharField(max_length=100, default="", blank=True)
    why = models.CharField(max_length=16, default="asked")  # asked | unsubscribed | erased | list | bounced
    at = models.DateTimeField(default=now)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "digest"], name="do_not_contact_once")]
