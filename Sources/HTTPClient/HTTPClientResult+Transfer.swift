import CCurl
import EventLoop

extension HTTPClientResult: Timed {
    /// Reads what libcurl knows of a finished transfer.
    @Loop init(of transfer: Transfer, code: CURLcode) {
        self.init()
        let received = transfer.takeReceived()
        status = Self.status(in: received.header)
        headerBytes = received.header
        body = received.body
        isBodyCut = received.isBodyCut
        remoteAddress = Self.remoteAddress(of: transfer)
        reusedConnection =
            remoteAddress != nil && tributary_curl_long(transfer.easy.pointer, CURLINFO_NUM_CONNECTS) == 0
        timings = Timings(of: transfer.easy)
        if received.isHeaderTooLarge {
            failure = HTTPFailure(.tooLarge, "the answer's header is too large")
        } else if code != CURLE_OK, !received.isBodyCut {
            // A body that we cut off ourselves is no failure: the answer was given.
            failure = HTTPFailure(code: code, progress: transfer.progress, isBlocked: transfer.isBlocked)
        }
    }

    /// Of the last status line, unless that is an interim answer's.
    private static func status(in header: [UInt8]) -> Int? {
        guard header.starts(with: "HTTP/".utf8), let space = header.firstIndex(of: UInt8(ascii: " ")) else {
            return nil
        }
        let digits = header[(space + 1)...].prefix(3)
        guard digits.count == 3, digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
        let status = digits.reduce(0) { $0 * 10 + Int($1 - 48) }
        return status >= 200 ? status : nil
    }

    @Loop static func remoteAddress(of transfer: Transfer) -> String? {
        let text = tributary_curl_string(transfer.easy.pointer, CURLINFO_PRIMARY_IP).map { String(cString: $0) } ?? ""
        return text.isEmpty ? nil : text
    }
}

extension HTTPClientResult.Timings {
    /// libcurl tells each moment from the start; a phase is the time between two.
    init(of easy: EasyHandle) {
        func moment(_ info: CURLINFO) -> Int { Int(tributary_curl_size(easy.pointer, info)) }
        let named = moment(CURLINFO_NAMELOOKUP_TIME_T)
        let connected = moment(CURLINFO_CONNECT_TIME_T)
        let secured = moment(CURLINFO_APPCONNECT_TIME_T)
        let sending = moment(CURLINFO_PRETRANSFER_TIME_T)
        let answering = moment(CURLINFO_STARTTRANSFER_TIME_T)
        let isNew = tributary_curl_long(easy.pointer, CURLINFO_NUM_CONNECTS) > 0
        self.init()
        if isNew {
            connectMicroseconds = max(0, connected - named)
            tlsMicroseconds = secured > 0 ? max(0, secured - connected) : 0
        }
        firstByteMicroseconds = answering > 0 ? max(0, answering - sending) : 0
        totalMicroseconds = moment(CURLINFO_TOTAL_TIME_T)
    }
}
