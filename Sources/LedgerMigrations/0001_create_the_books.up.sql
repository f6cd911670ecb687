-- The books of Tributary: who may earn, what happened, what is owed.
--
-- Money is bigint minor units with its currency beside it. An owed row is the promise: an order whose priced_seq is behind
-- its facts_seq, a delivery or a notification that is 'owed'; queues are only hints and can be rebuilt from these rows.

CREATE TABLE programmes (
    id                text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name              text NOT NULL,
    time_zone         text NOT NULL DEFAULT 'Asia/Seoul',
    attribution_model text NOT NULL DEFAULT 'last_click'
        CHECK (attribution_model IN ('last_click', 'first_click', 'linear', 'position_based', 'time_decay')),
    window_ms         bigint NOT NULL DEFAULT 2592000000 CHECK (window_ms >= 0),
    hold_ms           bigint NOT NULL DEFAULT 604800000 CHECK (hold_ms >= 0),
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

INSERT INTO programmes (id, name) VALUES ('default', 'Default programme');

CREATE TABLE partners (
    id            uuid PRIMARY KEY,
    programme     text NOT NULL REFERENCES programmes,
    referral_code text NOT NULL CHECK (length(referral_code) BETWEEN 1 AND 64),
    name          text NOT NULL,
    email         text,
    tier          text CHECK (tier IN ('bronze', 'silver', 'gold', 'platinum')),
    -- The customer id under which the partner itself buys: an order of that customer is a self-referral.
    customer_id   text,
    is_active     boolean NOT NULL DEFAULT true,
    deleted_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (programme, referral_code)
);

CREATE TABLE products (
    programme   text NOT NULL REFERENCES programmes,
    external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 128),
    name        text NOT NULL,
    category    text,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (programme, external_id)
);

-- The addresses are cut (IPv4 last octet, IPv6 to /48) or keyed hashes: no raw address is stored anywhere.
CREATE TABLE referral_clicks (
    id                   uuid PRIMARY KEY,
    programme            text NOT NULL,
    partner_id           uuid NOT NULL REFERENCES partners,
    referral_code        text NOT NULL,
    product_id           text,
    campaign             text,
    medium               text,
    source               text,
    session_id           text,
    fingerprint          text,
    customer_id          text,
    referer              text,
    status               text NOT NULL CHECK (status IN ('valid', 'duplicate', 'bot', 'rate_limited')),
    is_valid             boolean GENERATED ALWAYS AS (status = 'valid') STORED,
    bot_detection_reason text CHECK (bot_detection_reason IS NULL OR status = 'bot'),
    -- The first click that a duplicate repeats.
    original_click_id    uuid CHECK ((original_click_id IS NOT NULL) = (status = 'duplicate')),
    ip_prefix            text,
    ip_hash              bytea,
    user_agent           text,
    clicked_at           timestamptz NOT NULL,
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX referral_clicks_session ON referral_clicks (partner_id, session_id, clicked_at)
    WHERE status = 'valid' AND session_id IS NOT NULL;
CREATE INDEX referral_clicks_fingerprint ON referral_clicks (partner_id, fingerprint, clicked_at)
    WHERE status = 'valid' AND fingerprint IS NOT NULL;
CREATE INDEX referral_clicks_customer ON referral_clicks (partner_id, customer_id, clicked_at)
    WHERE status = 'valid' AND customer_id IS NOT NULL;

-- A version of a policy never changes once it is here; its uses are counted in policy_counters.
CREATE TABLE commission_policies (
    id                        uuid PRIMARY KEY,
    programme                 text NOT NULL REFERENCES programmes,
    policy_code               text NOT NULL,
    version                   integer NOT NULL DEFAULT 1 CHECK (version > 0),
    name                      text NOT NULL,
    description               text,
    policy_type               text NOT NULL,
    status                    text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'INACTIVE')),
    priority                  integer NOT NULL,
    partner_tier              text CHECK (partner_tier IN ('bronze', 'silver', 'gold', 'platinum')),
    partner_id                uuid REFERENCES partners,
    product_id                text,
    category                  text,
    requires_new_customer     boolean NOT NULL DEFAULT false,
    -- What it pays, as the kernel writes it: {"kind":"percentage","ppm":50000}, {"kind":"fixed","amount":...}, {"kind":"tiered",...}.
    commission                jsonb NOT NULL,
    currency                  text,
    min_commission            bigint CHECK (min_commission >= 0),
    max_commission            bigint CHECK (max_commission >= 0),
    valid_from                timestamptz NOT NULL,
    valid_until               timestamptz NOT NULL CHECK (valid_until > valid_from),
    max_usage_total           bigint CHECK (max_usage_total >= 0),
    can_stack                 boolean NOT NULL DEFAULT false,
    rounding                  text NOT NULL DEFAULT 'halfEven' CHECK (rounding IN ('halfEven', 'halfUp')),
    refund_mode               text NOT NULL DEFAULT 'proportional' CHECK (refund_mode IN ('proportional', 'all_or_nothing')),
    created_at                timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (programme, policy_code, version)
);

CREATE TABLE policy_counters (
    policy_id uuid PRIMARY KEY REFERENCES commission_policies,
    used      bigint NOT NULL DEFAULT 0 CHECK (used >= 0)
);

-- A use is a row, so that doing a step again takes none twice.
CREATE TABLE policy_uses (
    policy_id  uuid NOT NULL REFERENCES commission_policies,
    order_id   uuid NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (policy_id, order_id)
);

-- Every event as it was accepted, before anybody interprets it. The id is derived from (source, event_id).
CREATE TABLE inbound_events (
    id          uuid PRIMARY KEY,
    programme   text NOT NULL,
    source      text NOT NULL,
    event_id    text NOT NULL,
    type        text NOT NULL,
    order_id    uuid,
    digest      bytea NOT NULL,
    payload     bytea NOT NULL,
    state       text NOT NULL CHECK (state IN ('applied', 'duplicate', 'stale', 'refused')),
    reason      text,
    accepted_at timestamptz NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX inbound_events_order ON inbound_events (order_id);

-- The same event id with another body: the first one stays, the other is kept here.
CREATE TABLE inbound_event_conflicts (
    event_id    uuid NOT NULL REFERENCES inbound_events,
    digest      bytea NOT NULL,
    payload     bytea NOT NULL,
    accepted_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, digest)
);

CREATE TABLE orders (
    id           uuid PRIMARY KEY,
    programme    text NOT NULL,
    source       text NOT NULL,
    external_id  text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 128),
    -- The number of the last fact, and of the last fact that the money accounts for.
    facts_seq    bigint NOT NULL DEFAULT 0,
    priced_seq   bigint NOT NULL DEFAULT 0 CHECK (priced_seq <= facts_seq),
    -- Since when priced_seq is behind; the sweep's order.
    owed_since   timestamptz,
    -- An order that names a click which has not been stored yet is looked at again at this time.
    touch_due_at timestamptz,
    -- What was chosen at the first pricing: policies, tiers, touches. Never rewritten without a reason in the audit.
    catalogue    jsonb,
    -- A confirmation that waits for its order to be created, since when.
    parked_since timestamptz,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX orders_external_id ON orders (external_id);
CREATE INDEX orders_owed ON orders (owed_since) WHERE priced_seq < facts_seq;
CREATE INDEX orders_touch_due ON orders (touch_due_at) WHERE touch_due_at IS NOT NULL;
CREATE INDEX orders_parked ON orders (parked_since) WHERE parked_since IS NOT NULL;

CREATE TABLE order_facts (
    order_id    uuid NOT NULL REFERENCES orders,
    seq         bigint NOT NULL,
    kind        text NOT NULL,
    fact_key    text NOT NULL,
    event_id    uuid,
    digest      bytea NOT NULL,
    occurred_at timestamptz NOT NULL,
    accepted_at timestamptz NOT NULL,
    data        jsonb NOT NULL,
    PRIMARY KEY (order_id, seq),
    CONSTRAINT order_facts_once UNIQUE (order_id, kind, fact_key)
);

CREATE TABLE conversion_events (
    id                  uuid PRIMARY KEY,
    programme           text NOT NULL,
    order_id            uuid NOT NULL UNIQUE REFERENCES orders,
    external_order_id   text NOT NULL,
    idempotency_key     text NOT NULL,
    partner_id          uuid REFERENCES partners,
    referral_click_id   uuid,
    referral_code       text,
    product_id          text,
    customer_id         text,
    is_new_customer     boolean,
    quantity            bigint,
    product_price       bigint,
    order_amount        bigint,
    currency            text,
    refunded_amount     bigint NOT NULL DEFAULT 0 CHECK (refunded_amount >= 0),
    refunded_quantity   bigint NOT NULL DEFAULT 0 CHECK (refunded_quantity >= 0),
    status              text NOT NULL CHECK (status IN ('pending', 'confirmed', 'cancelled', 'partial_refund', 'refunded')),
    -- The evidence that decided, its shares and touches; and the reason where nobody is paid.
    attribution         jsonb,
    reason              text,
    cancellation_reason text,
    converted_at        timestamptz NOT NULL,
    confirmed_at        timestamptz,
    cancelled_at        timestamptz,
    version             bigint NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX conversion_events_external_order ON conversion_events (external_order_id);
CREATE INDEX conversion_events_partner ON conversion_events (partner_id, converted_at);

CREATE TABLE partner_commissions (
    id                    uuid PRIMARY KEY,
    programme             text NOT NULL,
    order_id              uuid NOT NULL REFERENCES orders,
    external_order_id     text NOT NULL,
    conversion_id         uuid NOT NULL REFERENCES conversion_events,
    partner_id            uuid NOT NULL REFERENCES partners,
    policy_id             uuid REFERENCES commission_policies,
    commission_amount     bigint NOT NULL,
    currency              text NOT NULL,
    status                text NOT NULL
        CHECK (status IN ('pending', 'confirmed', 'held', 'paid', 'cancelled', 'not_payable')),
    reason                text,
    hold_until            timestamptz,
    payment_method        text,
    payment_reference     text,
    trace                 jsonb NOT NULL,
    metadata              jsonb NOT NULL DEFAULT '{}',
    version               bigint NOT NULL DEFAULT 1,
    confirmed_at          timestamptz,
    paid_at               timestamptz,
    cancelled_at          timestamptz,
    created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (order_id, partner_id)
);
CREATE INDEX partner_commissions_due ON partner_commissions (hold_until) WHERE status = 'pending';
CREATE INDEX partner_commissions_partner ON partner_commissions (partner_id, status, created_at);
CREATE INDEX partner_commissions_external_order ON partner_commissions (external_order_id);

-- One row is one double entry: what one account gives, the other takes, so every sum is zero by construction.
CREATE TABLE ledger_entries (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id       uuid NOT NULL REFERENCES orders,
    partner_id     uuid NOT NULL REFERENCES partners,
    commission_id  uuid NOT NULL REFERENCES partner_commissions,
    kind           text NOT NULL
        CHECK (kind IN ('accrual', 'reversal', 'clawback', 'confirmation', 'payment', 'hold', 'release', 'write_off')),
    debit_account  text NOT NULL,
    credit_account text NOT NULL CHECK (credit_account <> debit_account),
    currency       text NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    -- The numbers of the order's facts that this entry answers, first and last.
    facts_from     bigint NOT NULL,
    facts_to       bigint NOT NULL CHECK (facts_to >= facts_from),
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (debit_account IN ('programme_expense', 'partner_pending', 'partner_confirmed', 'partner_held',
                             'payout_clearing', 'partner_paid', 'write_off')),
    CHECK (credit_account IN ('programme_expense', 'partner_pending', 'partner_confirmed', 'partner_held',
                              'payout_clearing', 'partner_paid', 'write_off'))
);
CREATE INDEX ledger_entries_order ON ledger_entries (order_id);

CREATE TABLE audit_logs (
    id          uuid PRIMARY KEY,
    entity_type text NOT NULL CHECK (entity_type IN ('commission', 'conversion', 'policy')),
    entity_id   uuid NOT NULL,
    action      text NOT NULL,
    user_id     text,
    changes     jsonb,
    reason      text,
    ip_address  text,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_logs_entity ON audit_logs (entity_type, entity_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_keep BEFORE TRUNCATE ON ledger_entries EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_logs_keep BEFORE TRUNCATE ON audit_logs EXECUTE FUNCTION refuse_change();

-- Where partners receive their events. Secrets are sealed (AES-256-GCM) under the master key named beside them.
CREATE TABLE webhook_endpoints (
    id                     uuid PRIMARY KEY,
    programme              text NOT NULL REFERENCES programmes,
    partner_id             uuid NOT NULL REFERENCES partners,
    url                    text NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
    description            text,
    event_types            text[] NOT NULL DEFAULT '{commission.*,conversion.*}',
    enabled                boolean NOT NULL DEFAULT true,
    disabled_reason        text,
    timeout_ms             integer NOT NULL DEFAULT 5000 CHECK (timeout_ms BETWEEN 100 AND 30000),
    secret                 bytea NOT NULL,
    secret_key_id          text NOT NULL,
    previous_secret        bytea,
    previous_secret_key_id text,
    previous_secret_until  timestamptz,
    -- Set by Retry-After: nothing is sent to it before.
    paused_until           timestamptz,
    created_at             timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX webhook_endpoints_partner ON webhook_endpoints (partner_id);

-- The bytes that partners get, stored once and never serialised again.
CREATE TABLE webhook_events (
    id         text PRIMARY KEY CHECK (id LIKE 'msg\_%'),
    programme  text NOT NULL,
    partner_id uuid NOT NULL,
    type       text NOT NULL,
    order_id   uuid,
    body       bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX webhook_events_order ON webhook_events (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE webhook_deliveries (
    id              uuid PRIMARY KEY,
    event_id        text NOT NULL REFERENCES webhook_events,
    endpoint_id     uuid NOT NULL REFERENCES webhook_endpoints,
    status          text NOT NULL DEFAULT 'owed' CHECK (status IN ('owed', 'delivered', 'dead', 'cancelled')),
    -- Attempts whose result is recorded.
    attempt         integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The highest fence under which an attempt was begun: a late worker's result carries a lower one and is refused.
    fence           bigint NOT NULL DEFAULT 0,
    expires_at      timestamptz NOT NULL DEFAULT clock_timestamp() + interval '5 days',
    ended_at        timestamptz,
    end_reason      text,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (event_id, endpoint_id)
);
CREATE INDEX webhook_deliveries_owed ON webhook_deliveries (next_attempt_at) WHERE status = 'owed';

CREATE TABLE webhook_attempts (
    delivery_id      uuid NOT NULL REFERENCES webhook_deliveries,
    attempt          integer NOT NULL,
    fence            bigint NOT NULL,
    started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at      timestamptz,
    class            text,
    http_status      integer,
    remote_address   text,
    reused           boolean,
    dns_us           bigint,
    connect_us       bigint,
    tls_us           bigint,
    first_byte_us    bigint,
    total_us         bigint,
    answer           bytea,
    next_attempt_at  timestamptz,
    next_reason      text,
    PRIMARY KEY (delivery_id, attempt, fence)
);

CREATE TABLE notifications (
    id              uuid PRIMARY KEY,
    channel         text NOT NULL CHECK (channel IN ('mail', 'chat')),
    kind            text NOT NULL,
    subject         text NOT NULL,
    body            text NOT NULL,
    status          text NOT NULL DEFAULT 'owed' CHECK (status IN ('owed', 'sent', 'dead')),
    attempt         integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    fence           bigint NOT NULL DEFAULT 0,
    last_error      text,
    sent_at         timestamptz,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX notifications_owed ON notifications (next_attempt_at) WHERE status = 'owed';

-- The same alert at most once in its period: whoever moves `last_at` may speak.
CREATE TABLE alert_periods (
    alert_key  text PRIMARY KEY,
    last_at    timestamptz NOT NULL,
    suppressed bigint NOT NULL DEFAULT 0
);

-- Keys of order systems: shown once, stored as SHA-256.
CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    programme    text NOT NULL REFERENCES programmes,
    source       text NOT NULL CHECK (length(source) BETWEEN 1 AND 64),
    name         text NOT NULL,
    prefix       text NOT NULL,
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at   timestamptz,
    last_used_at timestamptz
);

-- Shop platforms that post by their own webhooks; the secret is the platform's, sealed.
CREATE TABLE hook_sources (
    source        text PRIMARY KEY CHECK (source ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'),
    programme     text NOT NULL REFERENCES programmes,
    platform      text NOT NULL CHECK (platform IN ('shopify', 'woocommerce')),
    secret        bytea NOT NULL,
    secret_key_id text NOT NULL,
    -- Where the referral code stands, in order of preference.
    code_from     text[] NOT NULL DEFAULT '{note_attributes,landing_site,discount_code}',
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at    timestamptz
);

-- What a hook sent that cannot be used, kept with its reason.
CREATE TABLE unusable_hooks (
    id          uuid PRIMARY KEY,
    source      text NOT NULL,
    topic       text,
    reason      text NOT NULL,
    payload     bytea NOT NULL,
    accepted_at timestamptz NOT NULL
);

CREATE TABLE schedule_runs (
    schedule text NOT NULL,
    slot     timestamptz NOT NULL,
    fired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (schedule, slot)
);

-- One run of a batch for a business date: its `now` is taken once, and an unfinished run resumes with it.
CREATE TABLE batch_runs (
    id            uuid PRIMARY KEY,
    batch         text NOT NULL,
    business_date date NOT NULL,
    -- The instant the run compares with, as asked for, and the database's own clock when it began.
    now           timestamptz NOT NULL,
    clock_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    state         text NOT NULL DEFAULT 'owed' CHECK (state IN ('owed', 'finished')),
    selected      bigint NOT NULL DEFAULT 0,
    confirmed     bigint NOT NULL DEFAULT 0,
    skipped       jsonb NOT NULL DEFAULT '{}',
    sums          jsonb NOT NULL DEFAULT '{}',
    finished_at   timestamptz,
    UNIQUE (batch, business_date)
);
