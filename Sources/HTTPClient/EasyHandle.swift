import CCurl
import Core
import Glibc

/// The options of one libcurl easy handle, with the lists that libcurl reads but does not own. Belongs to one thread.
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    private var lists: [CURLoption.RawValue: UnsafeMutablePointer<curl_slist>] = [:]

    /// The handle itself stays its maker's to reset or free, after this object's end or before its own.
    init(_ pointer: UnsafeMutableRawPointer) { self.pointer = pointer }

    deinit { for list in lists.values { curl_slist_free_all(list) } }

    func set(_ option: CURLoption, _ value: Int) { check(tributary_curl_set_long(pointer, option, value)) }

    func set(_ option: CURLoption, _ value: String) { check(tributary_curl_set_string(pointer, option, value)) }

    func set(_ option: CURLoption, _ values: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for value in values {
            guard let longer = curl_slist_append(list, value) else { outOfMemory() }
            list = longer
        }
        guard let list else { return }
        check(tributary_curl_set_list(pointer, option, list))
        if let old = lists.updateValue(list, forKey: option.rawValue) { curl_slist_free_all(old) }
    }

    /// - Parameter bytes: must live as long as the transfer.
    func setBody(_ bytes: UnsafeRawPointer, count: Int) {
        check(tributary_curl_set_size(pointer, CURLOPT_POSTFIELDSIZE_LARGE, count))
        check(tributary_curl_set_bytes(pointer, CURLOPT_POSTFIELDS, bytes))
    }

    /// - Parameter list: must live as long as the transfer.
    func setHeader(_ list: UnsafeMutablePointer<curl_slist>) {
        check(tributary_curl_set_list(pointer, CURLOPT_HTTPHEADER, list))
    }

    /// An option of ours that libcurl does not take is a bug of ours or another libcurl.
    func check(_ code: CURLcode) {
        precondition(code == CURLE_OK, "libcurl refused an option: \(String(cString: curl_easy_strerror(code)))")
    }

    func setTimeouts(_ timeout: Duration, connect: Duration) {
        // 0 would be "for ever".
        let milliseconds = max(1, timeout.milliseconds)
        set(CURLOPT_TIMEOUT_MS, Int(milliseconds))
        set(CURLOPT_CONNECTTIMEOUT_MS, Int(max(1, min(milliseconds, connect.milliseconds))))
    }

    /// What every transfer has in common: no signals, no proxy, no redirects, TLS as it should be.
    func prepare(url: String, protocols: String) {
        set(CURLOPT_URL, url)
        set(CURLOPT_PROTOCOLS_STR, protocols)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_PROXY, "")
        // Ten thousand transfers have such a buffer each; the default is 16 KiB.
        set(CURLOPT_BUFFERSIZE, 4096)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
    }

    /// Gives libcurl the addresses of a name, so that it never asks for them.
    func pin(_ destination: Destination, to addresses: [IPAddress]) {
        guard destination.address == nil else { return }
        let list = addresses.map { $0.family == .v6 ? "[\($0)]" : "\($0)" }.joined(separator: ",")
        // With "+" libcurl forgets it by itself; each transfer gives it anew.
        set(CURLOPT_RESOLVE, ["+\(destination.host):\(destination.port):\(list)"])
    }

    /// The socket for the very address that will be connected to; `nil` when the policy forbids that address.
    static func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>?, allowedBy policy: DestinationPolicy)
        -> Int32?
    {
        guard let address, let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return nil }
        // The structure declares room for IPv4 only; libcurl has allocated what the family needs.
        let start = (UnsafeRawPointer(address) + offset).assumingMemoryBound(to: sockaddr.self)
        guard let destination = IPAddress(start), policy.allows(destination) else { return nil }
        let type = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        return socket(address.pointee.family, type, address.pointee.protocol)
    }
}

/// Ends the process. Nothing is lost by that: its leases expire, and other workers run its jobs.
func outOfMemory() -> Never { fatalError("libcurl is out of memory") }  // a request cannot be made without memory
