/// The rules of one merchant's programme.
package struct Programme: Hashable, Sendable {
    package var id: String
    package var model: AttributionModel
    /// How old a click may be, inclusive. Default 30 days.
    package var window: Duration
    /// How far the clocks of shop and ingest may differ. Default 5 minutes.
    package var tolerance: Duration
    /// Of ``AttributionModel/timeDecay``. Default 7 days, > 0.
    package var halfLife: Duration
    /// From confirmation to the 2 AM batch. Default 7 days.
    package var hold: Duration

    package init(
        id: String, model: AttributionModel = .lastClick, window: Duration = .seconds(30 * 86_400),
        tolerance: Duration = .seconds(300), halfLife: Duration = .seconds(7 * 86_400),
        hold: Duration = .seconds(7 * 86_400)
    ) {
        precondition(halfLife > .zero, "a half-life is positive")
        self.id = id
        self.model = model
        self.window = window
        self.tolerance = tolerance
        self.halfLife = halfLife
        self.hold = hold
    }
}

/// Who of several touching partners gets what share.
package enum AttributionModel: String, CaseIterable, Hashable, Sendable {
    case lastClick = "last_click"
    case firstClick = "first_click"
    case linear
    /// 40 % to the first, 40 % to the last, 20 % among those between; of two, half each.
    case positionBased = "position_based"
    /// A touch one half-life older weighs half.
    case timeDecay = "time_decay"
}
