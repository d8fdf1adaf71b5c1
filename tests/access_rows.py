"""Who may open what: a row for every rule and method, as every person, for every kind of thing.

To add a route, add its key to ROWS. Without arguments it has one table; with arguments one table per thing.
A table says for each person of PEOPLE what they get:
    "yes"      they come in: any answer but the three below, and no error of ours
    "sign in"  the way to the sign-in of that face (HTMX: 401 with HX-Redirect)
    "no"       403
    "missing"  404, to the letter the same for a stranger's thing and for none
    a number   exactly this status, for those who come in
Things (what the arguments are filled with) are made in tests/test_access.py, `things`: an argument it does not
know is named there.
"""

from __future__ import annotations

Outcome = str | int
Table = dict[str, Outcome]
Things = dict[str, Table]

# guest opened the mailed links of Acme's issued and void invoices; other_guest that of another invoice of Acme's.
PEOPLE = ("nobody", "guest", "other_guest", "alice", "gina", "vic", "ada", "sam")


def table(everybody_else: Outcome, **people: Outcome) -> Table:
    """What each person gets, and what everybody else gets."""
    return {name: people.get(name, everybody_else) for name in PEOPLE}


ANYBODY = table("yes")
CUSTOMERS = table("sign in", alice="yes", gina="yes")
LOOKING_STAFF = table("sign in", vic="yes", ada="yes", sam="yes")
ADMINS = table("sign in", vic="no", ada="no", sam="yes")

# A page of an invoice at the portal: Alice is of Acme, Gina of Globex; a draft is nobody's there.
OWN_INVOICE: Things = {
    "issued": table("sign in", alice="yes", gina="missing", guest="yes"),
    "void": table("sign in", alice="yes", gina="missing", guest="yes"),
    "draft": table("sign in", alice="missing", gina="missing"),
    "unknown": table("sign in", alice="missing", gina="missing"),
}
# Nothing to scan: the seller of these invoices is not paid by transfer with a code.
NO_CODE: Things = {
    "issued": table("sign in", alice=404, gina="missing", guest=404),
    "void": table("sign in", alice=404, gina="missing", guest=404),
    "draft": table("sign in", alice="missing", gina="missing"),
    "unknown": table("sign in", alice="missing", gina="missing"),
}
OWN_CREDIT: Things = {
    "kept": table("sign in", alice="yes", gina="missing"),
    "unknown": table("sign in", alice="missing", gina="missing"),
}
# A page of a payment: whoever opened any link may ask, and learns nothing of what is not theirs.
OWN_PAYMENT: Things = {
    "alices": table("sign in", alice="yes", gina="missing", guest="missing", other_guest="missing"),
    "guests": table("sign in", alice="yes", gina="missing", guest="yes", other_guest="missing"),
    "unknown": table("sign in", alice="missing", gina="missing", guest="missing", other_guest="missing"),
}
# Cards: Alice's customer has one, and a wish to save another whose page is over.
OWN_CARD: Things = {
    "card": table("sign in", alice="yes", gina="missing"),
    "unknown": table("sign in", alice="missing", gina="missing"),
}
OWN_SAVING: Things = {
    "saving": table("sign in", alice="yes", gina="missing"),
    "unknown": table("sign in", alice="missing", gina="missing"),
}
UNKNOWN_TO_STAFF = table("sign in", vic="missing", ada="missing", sam="missing")
UNKNOWN_TO_ADMINS = ADMINS | {"sam": "missing"}
INVOICE_FOR_STAFF: Things = {
    "issued": LOOKING_STAFF, "void": LOOKING_STAFF, "draft": LOOKING_STAFF, "unknown": UNKNOWN_TO_STAFF,
}  # fmt: skip
INVOICE_FOR_ADMINS: Things = {
    "issued": ADMINS, "void": ADMINS, "draft": ADMINS, "unknown": UNKNOWN_TO_ADMINS,
}  # fmt: skip
# There is no document of a draft; of the others the worker may not have drawn it yet.
PDF_FOR_STAFF: Things = INVOICE_FOR_STAFF | {
    "draft": UNKNOWN_TO_STAFF,
    "issued": table("sign in", vic=503, ada=503, sam=503),
    "void": table("sign in", vic=503, ada=503, sam=503),
}
OWN_PDF: Things = OWN_INVOICE | {
    "issued": table("sign in", alice=503, gina="missing", guest=503),
    "void": table("sign in", alice=503, gina="missing", guest=503),
}
# A link is found through its own invoice alone.
LINK_FOR_ADMINS: Things = {
    "issued": ADMINS, "void": ADMINS, "draft": UNKNOWN_TO_ADMINS, "crossed": UNKNOWN_TO_ADMINS,
    "unknown": UNKNOWN_TO_ADMINS,
}  # fmt: skip
CREDIT_NOTE_FOR_STAFF: Things = {"credited": LOOKING_STAFF, "unknown": UNKNOWN_TO_STAFF}
CREDIT_NOTE_FOR_ADMINS: Things = {"credited": ADMINS, "unknown": UNKNOWN_TO_ADMINS}
CUSTOMER_FOR_STAFF: Things = {"acme": LOOKING_STAFF, "unknown": UNKNOWN_TO_STAFF}
CUSTOMER_FOR_ADMINS: Things = {"acme": ADMINS, "unknown": UNKNOWN_TO_ADMINS}
FEE_FOR_ADMINS: Things = {"fee": ADMINS, "unknown": UNKNOWN_TO_ADMINS}

ROWS: dict[tuple[str, str], Table | Things] = {
    # The ground
    ("GET", "/static/<path:filename>"): {"unknown": table(404)},
    ("GET", "/healthz"): table(200),
    ("GET", "/readyz"): table(200),
    ("GET", "/kit"): table(200),
    ("POST", "/csp-report"): table(204),
    ("POST", "/prefs/theme"): table(422),  # no look was chosen
    ("POST", "/webhooks/stripe"): table(400),  # nobody signed it
    ("GET", "/demo/mail"): table(200),
    ("GET", "/demo/mail/<name>"): {"unknown": table(404)},
    ("GET", "/demo/mail/<name>/html"): {"unknown": table(404)},
    ("GET", "/demo/mail/<name>/attachments/<int:index>"): {"unknown": table(404)},
    # The portal: signing in
    ("GET", "/"): ANYBODY,
    ("GET", "/login"): ANYBODY,
    ("POST", "/login"): ANYBODY,
    ("GET", "/login/code"): ANYBODY,
    ("POST", "/login/code"): ANYBODY,
    ("GET", "/login/password"): ANYBODY,
    ("POST", "/login/password"): ANYBODY,
    ("POST", "/logout"): ANYBODY,
    ("GET", "/customer"): CUSTOMERS,
    ("POST", "/customer"): table("sign in", alice="missing", gina="missing"),  # no customer was chosen
    # The portal: invoices and payments
    ("GET", "/i/<token>"): {
        "open": table(303), "over": table(410), "revoked": table("missing"), "unknown": table("missing"),
    },
    ("GET", "/links/new"): ANYBODY,
    ("POST", "/links/new"): ANYBODY,
    ("GET", "/invoices"): CUSTOMERS,
    ("GET", "/invoices/<number>"): OWN_INVOICE,
    ("GET", "/invoices/<number>.pdf"): OWN_PDF,
    ("POST", "/invoices/<number>/viewed"): OWN_INVOICE,
    ("POST", "/invoices/<number>/pay"): OWN_INVOICE,
    ("GET", "/invoices/<number>/pay"): OWN_INVOICE,
    ("POST", "/invoices/<number>/pay/quote"): OWN_INVOICE,
    ("GET", "/invoices/<number>/transfer.svg"): NO_CODE,
    ("GET", "/pay"): CUSTOMERS,
    ("GET", "/pay/selection"): CUSTOMERS,
    ("POST", "/pay"): table("sign in", alice="missing", gina="missing"),  # nothing was chosen
    ("POST", "/pay/quote"): table("sign in", alice="missing", gina="missing"),
    ("GET", "/credits"): CUSTOMERS,
    ("GET", "/credits/pay-ahead"): CUSTOMERS,
    ("POST", "/credits/pay-ahead"): CUSTOMERS,
    ("GET", "/credits/<key>/use"): OWN_CREDIT,
    ("POST", "/credits/<key>/use"): {  # no form sends this without its id
        "kept": table("sign in", alice=400, gina=400), "unknown": table("sign in", alice=400, gina=400),
    },
    ("GET", "/credits/<key>.pdf"): {  # a payment has a receipt instead
        "kept": table("sign in", alice="missing", gina="missing"),
        "unknown": table("sign in", alice="missing", gina="missing"),
    },
    ("GET", "/payments"): CUSTOMERS,
    ("GET", "/payments/<reference>/receipt.pdf"): {  # the worker has not drawn it yet
        "kept": table("sign in", alice=503, gina="missing", guest="missing", other_guest="missing"),
        "unknown": table("sign in", alice="missing", gina="missing", guest="missing", other_guest="missing"),
    },
    ("GET", "/payments/<attempt_id>"): OWN_PAYMENT,
    ("POST", "/payments/<attempt_id>/check"): OWN_PAYMENT,
    ("POST", "/payments/<attempt_id>/cancel"): OWN_PAYMENT | {  # only by whoever began it
        "guests": table("sign in", alice="missing", gina="missing", guest="yes", other_guest="missing"),
    },
    ("POST", "/invoices/<number>/autopay"): {
        "issued": table("sign in", alice="yes", gina="missing"),
        "void": table("sign in", alice="missing", gina="missing"),
        "draft": table("sign in", alice="missing", gina="missing"),
        "unknown": table("sign in", alice="missing", gina="missing"),
    },
    # The portal: payment methods
    ("GET", "/cards"): CUSTOMERS,
    ("POST", "/cards/add"): table("sign in", alice=400, gina=400),  # no form sends this without its nonce
    ("GET", "/cards/saving/<setup_id>"): OWN_SAVING,
    ("POST", "/cards/saving/<setup_id>/check"): OWN_SAVING,
    ("POST", "/cards/<int:card_id>/usual"): OWN_CARD,
    ("GET", "/cards/<int:card_id>/remove"): OWN_CARD,
    ("POST", "/cards/<int:card_id>/remove"): OWN_CARD,
    ("GET", "/cards/autopay"): CUSTOMERS,
    ("POST", "/cards/autopay"): table("sign in", alice=422, gina=400),  # nobody agreed; Gina's customer has no card
    ("POST", "/cards/autopay/off"): CUSTOMERS,
    # The admin
    ("GET", "/admin/"): LOOKING_STAFF,
    ("GET", "/admin/login"): ANYBODY,
    ("POST", "/admin/login"): ANYBODY,
    ("POST", "/admin/logout"): ANYBODY,
    ("GET", "/admin/invoices"): LOOKING_STAFF,
    ("GET", "/admin/invoices/<int:invoice_id>"): INVOICE_FOR_STAFF,
    ("GET", "/admin/invoices/<int:invoice_id>.pdf"): PDF_FOR_STAFF,
    ("GET", "/admin/invoices/new"): ADMINS,
    ("POST", "/admin/invoices/new"): ADMINS,
    ("POST", "/admin/invoices/lines"): ADMINS,
    ("POST", "/admin/invoices/totals"): ADMINS,
    ("POST", "/admin/invoices/schedule"): ADMINS,
    ("GET", "/admin/invoices/<int:invoice_id>/edit"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/edit"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/delete"): INVOICE_FOR_ADMINS,
    ("GET", "/admin/invoices/<int:invoice_id>/issue"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/issue"): INVOICE_FOR_ADMINS,
    ("GET", "/admin/invoices/<int:invoice_id>/void"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/void"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/links/<link_id>/revoke"): LINK_FOR_ADMINS,
    ("GET", "/admin/invoices/<int:invoice_id>/credit"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/credit"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/credit/preview"): INVOICE_FOR_ADMINS,
    ("GET", "/admin/invoices/<int:invoice_id>/write-off"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/write-off"): INVOICE_FOR_ADMINS,
    ("GET", "/admin/invoices/<int:invoice_id>/write-off/reverse"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/write-off/reverse"): INVOICE_FOR_ADMINS,
    ("GET", "/admin/invoices/<int:invoice_id>/correct"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/correct"): INVOICE_FOR_ADMINS,
    ("GET", "/admin/invoices/<int:invoice_id>/correction"): INVOICE_FOR_ADMINS,
    ("POST", "/admin/invoices/<int:invoice_id>/correction"): INVOICE_FOR_ADMINS,
    ("GET", "/admin/credit-notes"): LOOKING_STAFF,
    ("GET", "/admin/credit-notes/<int:credit_note_id>"): CREDIT_NOTE_FOR_STAFF,
    ("GET", "/admin/credit-notes/<int:credit_note_id>.pdf"): {
        "credited": table("sign in", vic=503, ada=503, sam=503), "unknown": UNKNOWN_TO_STAFF,
    },
    ("POST", "/admin/credit-notes/<int:credit_note_id>/apply"): CREDIT_NOTE_FOR_ADMINS,
    ("POST", "/admin/credit-notes/<int:credit_note_id>/take-back"): CREDIT_NOTE_FOR_ADMINS,
    ("GET", "/admin/approvals"): LOOKING_STAFF,
    ("POST", "/admin/approvals/<int:approval_id>"): {
        "asked": table("sign in", vic="no", ada="yes", sam="yes"),
        "unknown": table("sign in", vic="no", ada="missing", sam="missing"),
    },
    ("GET", "/admin/customers"): LOOKING_STAFF,
    ("GET", "/admin/customers/<int:customer_id>"): CUSTOMER_FOR_STAFF,
    ("GET", "/admin/customers/new"): ADMINS,
    ("POST", "/admin/customers/new"): ADMINS,
    ("GET", "/admin/customers/<int:customer_id>/edit"): CUSTOMER_FOR_ADMINS,
    ("POST", "/admin/customers/<int:customer_id>/edit"): CUSTOMER_FOR_ADMINS,
    ("GET", "/admin/settings"): LOOKING_STAFF,
    ("POST", "/admin/settings"): ADMINS,
    ("GET", "/admin/fees/<int:fee_charge_id>/waive"): FEE_FOR_ADMINS,
    ("POST", "/admin/fees/<int:fee_charge_id>/waive"): FEE_FOR_ADMINS,
    ("GET", "/admin/refunds"): LOOKING_STAFF,
    ("GET", "/admin/refunds/<int:refund_id>"): {"refund": LOOKING_STAFF, "unknown": UNKNOWN_TO_STAFF},
    ("POST", "/admin/refunds/<int:refund_id>/decide"): {
        "refund": table("sign in", vic="no", ada="yes", sam="yes"),
        "unknown": table("sign in", vic="no", ada="missing", sam="missing"),
    },
    ("POST", "/admin/refunds/<int:refund_id>/send"): {"refund": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("POST", "/admin/refunds/<int:refund_id>/reviewed"): {"refund": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("GET", "/admin/payments/<int:payment_id>/refund"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("POST", "/admin/payments/<int:payment_id>/refund"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("GET", "/admin/credit-notes/<int:credit_note_id>/refund"): {"unknown": UNKNOWN_TO_ADMINS},
    ("POST", "/admin/credit-notes/<int:credit_note_id>/refund"): {"unknown": UNKNOWN_TO_ADMINS},
    ("GET", "/admin/chargebacks"): LOOKING_STAFF,
    ("GET", "/admin/chargebacks/<chargeback_id>"): {"chargeback": LOOKING_STAFF, "unknown": UNKNOWN_TO_STAFF},
    ("GET", "/admin/comparison"): LOOKING_STAFF,
    ("POST", "/admin/comparison/now"): table("sign in", vic="no", ada="no", sam=503),  # the provider cannot be reached
    ("GET", "/admin/comparison/<difference_id>"): {"difference": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("POST", "/admin/comparison/<difference_id>"): {"difference": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("GET", "/admin/payments"): LOOKING_STAFF,
    ("GET", "/admin/payments/<int:payment_id>"): {"came": LOOKING_STAFF, "unknown": UNKNOWN_TO_STAFF},
    ("POST", "/admin/payments/<int:payment_id>/take-back"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("GET", "/admin/payments/<int:payment_id>/reverse"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("POST", "/admin/payments/<int:payment_id>/reverse"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("GET", "/admin/payments/record/for"): ADMINS,
    ("GET", "/admin/payments/record"): ADMINS,
    ("POST", "/admin/payments/record"): ADMINS,
    ("POST", "/admin/payments/record/left"): ADMINS,
    ("GET", "/admin/inbox"): LOOKING_STAFF,
    ("GET", "/admin/payments/<int:payment_id>/place"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("POST", "/admin/payments/<int:payment_id>/place"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("POST", "/admin/payments/<int:payment_id>/place/left"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("POST", "/admin/payments/<int:payment_id>/apply"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("POST", "/admin/payments/<int:payment_id>/payer"): {  # no customer was chosen
        "came": UNKNOWN_TO_ADMINS, "unknown": UNKNOWN_TO_ADMINS,
    },
    ("POST", "/admin/payments/<int:payment_id>/keep"): {"came": ADMINS, "unknown": UNKNOWN_TO_ADMINS},
    ("GET", "/admin/settings/payments"): LOOKING_STAFF,
    ("POST", "/admin/settings/payments"): ADMINS,
}  # fmt: skip
