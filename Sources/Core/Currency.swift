/// A currency of ISO 4217 and the number of decimals of its minor unit.
package struct Currency: Hashable, Sendable, CustomStringConvertible {
    /// Three capital letters, `KRW`.
    package let code: String
    /// Decimals of an amount in major units: 0 for KRW, 2 for USD, 3 for KWD, at most 4.
    package let exponent: Int

    private init(code: String, exponent: Int) {
        self.code = code
        self.exponent = exponent
    }

    /// The largest ``exponent`` of all.
    package static let exponentMax = 4

    /// The currency of that code, exactly as ISO 4217 writes it (`usd` is none); `nil` when there is none.
    ///
    /// Codes without a minor unit of their own (metals, drawing rights, the codes for tests and for "no currency") name no money that could be owed here.
    /// Codes withdrawn since 2020 stay known, because refunds of older orders still come in.
    package static func named(_ code: String) -> Self? {
        guard let index = tableIndex(of: code.utf8), exponents[index] != unknown else { return nil }
        return Self(code: code, exponent: Int(exponents[index]))
    }

    package var description: String { code }

    /// Minor units in one major unit: 10 to the power of the exponent.
    package var minorUnitsInMajor: Int64 { powersOfTen[exponent] }

    /// Every known code in alphabetical order.
    package static var allCodes: [String] {
        codesByExponent.values.flatMap { $0.split(separator: " ").map(String.init) }.sorted()
    }

    private static let unknown: Int8 = -1

    /// The exponent of each of the 26³ codes, ``unknown`` where no currency has it: 17 KB, no hashing.
    private static let exponents: [Int8] = {
        var table = [Int8](repeating: unknown, count: 26 * 26 * 26)
        for (exponent, codes) in codesByExponent {
            for code in codes.split(separator: " ") {
                guard let index = tableIndex(of: code.utf8) else { preconditionFailure("\(code) is not a code") }
                table[index] = exponent
            }
        }
        return table
    }()

    private static func tableIndex(of code: some Collection<UInt8>) -> Int? {
        guard code.count == 3 else { return nil }
        var index = 0
        for letter in code {
            let place = letter &- UInt8(ascii: "A")
            guard place < 26 else { return nil }
            index = index * 26 + Int(place)
        }
        return index
    }

    private static let codesByExponent: [Int8: String] = [
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
        2: """
        AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF \
        CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK \
        HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR \
        MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP \
        SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG \
        YER ZAR ZMW ZWG ZWL
        """,
        3: "BHD IQD JOD KWD LYD OMR TND",
        4: "CLF UYW",
    ]
}

/// 10⁰ to 10¹⁸, all that fit in 64 bits with sign.
let powersOfTen: [Int64] = (0...18).map { exponent in (0..<exponent).reduce(1) { power, _ in power * 10 } }
