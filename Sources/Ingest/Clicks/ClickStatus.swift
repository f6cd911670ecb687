/// What a click is, decided once on arrival; the raw value stands in the table and in answers.
package enum ClickStatus: String, CaseIterable, Sendable {
    case valid, duplicate, bot
}
