import Commissions
import Core
import Postgres

/// Reads programmes, partners, categories and policies, and counts the uses of limited policies.
enum PolicyStatements {
    static let readProgrammes = PostgresStatement(
        "read_programmes", "SELECT id, attribution_model, window_ms, hold_ms FROM programmes")

    /// `$1` programme, `$2` referral codes, `$3` partner ids.
    static let readPartners = PostgresStatement(
        "read_partners",
        """
        SELECT id, referral_code, tier, is_active AND deleted_at IS NULL, customer_id FROM partners
        WHERE programme = $1 AND (referral_code = ANY($2::text[]) OR id = ANY($3::uuid[]))
        """)

    /// `$1` programme, `$2` product ids.
    static let readCategories = PostgresStatement(
        "read_categories",
        """
        SELECT external_id, category FROM products
        WHERE programme = $1 AND external_id = ANY($2::text[]) AND category IS NOT NULL
        """)

    /// The newest active version of each policy of a programme.
    static let readPolicies = PostgresStatement(
        "read_policies",
        """
        SELECT DISTINCT ON (policy_code)
               id, policy_code, version, policy_type, priority, partner_tier, partner_id, product_id, category,
               requires_new_customer, commission, currency, min_commission, max_commission, valid_from, valid_until,
               max_usage_total, can_stack, rounding, refund_mode, created_at
        FROM commission_policies WHERE programme = $1 AND status = 'ACTIVE'
        ORDER BY policy_code, version DESC
        """)

    /// Versions by `$1` ids, retired ones too: an order keeps what was frozen for it.
    static let readVersions = PostgresStatement(
        "read_policy_versions",
        """
        SELECT id, policy_code, version, policy_type, priority, partner_tier, partner_id, product_id, category,
               requires_new_customer, commission, currency, min_commission, max_commission, valid_from, valid_until,
               max_usage_total, can_stack, rounding, refund_mode, created_at
        FROM commission_policies WHERE id = ANY($1::uuid[])
        """)

    static let ensureCounters = PostgresStatement(
        "ensure_counters",
        "INSERT INTO policy_counters (policy_id) SELECT * FROM unnest($1::uuid[]) ON CONFLICT (policy_id) DO NOTHING")

    /// Taken after the orders' locks, sorted: whoever counts uses of two policies takes them in the same order.
    static let lockCounters = PostgresStatement(
        "lock_counters",
        """
        SELECT c.policy_id, p.max_usage_total - c.used AS remaining
        FROM policy_counters c JOIN commission_policies p ON p.id = c.policy_id
        WHERE c.policy_id = ANY($1::uuid[]) ORDER BY c.policy_id FOR UPDATE OF c
        """)

    /// `$1` policies, `$2` by how much.
    static let moveCounters = PostgresStatement(
        "move_counters",
        """
        UPDATE policy_counters AS c SET used = c.used + n.change
        FROM (SELECT policy_id, sum(change)::bigint AS change FROM unnest($1::uuid[], $2::bigint[]) AS u (policy_id, change)
              GROUP BY policy_id) AS n
        WHERE c.policy_id = n.policy_id
        """)

    static let insertUses = PostgresStatement(
        "insert_uses",
        "INSERT INTO policy_uses (policy_id, order_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])")

    static let deleteUses = PostgresStatement(
        "delete_uses",
        """
        DELETE FROM policy_uses AS u USING unnest($1::uuid[], $2::uuid[]) AS n (policy_id, order_id)
        WHERE u.policy_id = n.policy_id AND u.order_id = n.order_id
        """)
}

extension Programme {
    init(_ row: PostgresRow) throws {
        self.init(
            id: try row.text(0), model: AttributionModel(rawValue: try row.text(1)) ?? .lastClick,
            window: .milliseconds(try row.int(2)), hold: .milliseconds(try row.int(3)))
    }
}

extension PartnerFacts {
    init(_ row: PostgresRow) throws {
        self.init(
            id: try row.uuid(0), referralCode: try row.text(1), tier: try row.optionalText(2),
            isActive: try row.bool(3),
            customerIDs: Set([try row.optionalText(4)].compactMap(\.self)))
    }
}

extension Policy {
    init(_ row: PostgresRow) throws {
        let id = try row.uuid(0)
        let commission: CommissionRule
        do {
            commission = try CommissionRule(data: try row.json(10))
        } catch {
            throw LedgerError.unknownPolicyForm(policyID: id, detail: "\(error)")
        }
        self.init(
            id: id, code: try row.text(1), version: try row.int(2), type: try row.text(3), priority: try row.int(4),
            conditions: PolicyConditions(
                partnerID: try row.optionalUUID(6), productID: try row.optionalText(7),
                category: try row.optionalText(8),
                tier: try row.optionalText(5), requiresNewCustomer: try row.bool(9), validFrom: try row.timestamp(14),
                validUntil: try row.timestamp(15)),
            commission: commission, currency: try row.optionalText(11).flatMap { Currency.named($0) },
            minCommission: try row.optionalInt(12), maxCommission: try row.optionalInt(13),
            maxUsageTotal: try row.optionalInt(16), stacks: try row.bool(17),
            rounding: Rounding(rawValue: try row.text(18)) ?? .halfEven,
            refundMode: RefundMode(rawValue: try row.text(19)) ?? .proportional, createdAt: try row.timestamp(20))
    }
}
