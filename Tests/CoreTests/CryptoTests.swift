import Core
import Crypto
import Testing

@Suite struct HMACTests {
    /// RFC 4231, cases 1 to 7; case 5 is published cut to 128 bits.
    @Test(
        arguments: [
            (repeated(0x0B, 20), bytes("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                bytes("Jefe"), bytes("what do ya want for nothing?"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                repeated(0xAA, 20), repeated(0xDD, 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
            ),
            (Array(1...25), repeated(0xCD, 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (repeated(0x0C, 20), bytes("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b"),
            (
                repeated(0xAA, 131), bytes("Test Using Larger Than Block-Size Key - Hash Key First"),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            (
                repeated(0xAA, 131),
                bytes(
                    "This is a test using a larger than block-size key and a larger than block-size data. "
                        + "The key needs to be hashed before being used by the HMAC algorithm."),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
            ),
            ([], [], "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
        ] as [([UInt8], [UInt8], String)])
    func codesAreThoseOfRFC4231(key: [UInt8], message: [UInt8], code: String) {
        let computed = HMACSHA256.authenticate(message, key: key)
        #expect(Hex.encode(computed).prefix(code.count) == code)
        #expect(
            HMACSHA256.authenticate([Array(message.prefix(3)), [], Array(message.dropFirst(3))], key: key) == computed)
        #expect(HMACSHA256.verify(computed, of: message, key: key))
        #expect(!HMACSHA256.verify(computed, of: message + [0], key: key))
        #expect(!HMACSHA256.verify(Array(computed.dropLast()), of: message, key: key))
    }

    @Test func aStandardWebhookIsSignedAsItsVectorSays() throws {
        let key = try #require(Base64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let code = HMACSHA256.authenticate(
            [bytes("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330."), bytes(#"{"test": 2432232314}"#)], key: key)
        #expect(Base64.encode(code) == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func digestsAreThoseOfFIPS180(message: String, digest: String) {
        #expect(Hex.encode(SHA256.digest(bytes(message))) == digest)
    }
}

@Suite struct Ed25519Tests {
    @Test func aStandardWebhookIsSignedAsItsVectorSays() throws {
        let secret = try #require(
            Base64.decode("6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="))
        let key = try Ed25519.PrivateKey(seed: Array(secret.prefix(32)))
        #expect(key.publicKey == Array(secret.suffix(32)))
        #expect(Base64.encode(key.publicKey) == "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
        let message = bytes(#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#)
        let signature = key.sign(message)
        #expect(
            Base64.encode(signature)
                == "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==")
        #expect(Ed25519.verify(signature, of: message, publicKey: key.publicKey))
        #expect(!Ed25519.verify(signature, of: message + [0], publicKey: key.publicKey))
        #expect(!Ed25519.verify(Array(signature.dropLast()), of: message, publicKey: key.publicKey))
        #expect(!Ed25519.verify(signature, of: message, publicKey: []))
    }

    @Test func theEmptyMessageIsSignedAsRFC8032Says() throws {
        let seed = try #require(Hex.decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
        let key = try Ed25519.PrivateKey(seed: seed)
        #expect(
            Hex.encode(key.sign([]))
                == "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                + "d25bf5f0595bbe24655141438e7a100b")
    }

    @Test func aSeedHasThirtyTwoBytes() {
        #expect(throws: CryptoError.keyLength(expected: 32, actual: 31)) {
            try Ed25519.PrivateKey(seed: repeated(1, 31))
        }
    }
}

@Suite struct AESGCMTests {
    private let key = randomBytes(AESGCM.keyBytes)

    @Test(arguments: [0, 1, 15, 16, 17, 1000]) func whatIsSealedOpensAgain(count: Int) throws {
        let plaintext = randomBytes(count)
        let sealed = try AESGCM.seal(plaintext, key: key, context: bytes("endpoint 1"))
        #expect(sealed.count == count + 28)
        #expect(try AESGCM.open(sealed, key: key, context: bytes("endpoint 1")) == plaintext)
        #expect(try AESGCM.seal(plaintext, key: key, context: bytes("endpoint 1")) != sealed)
    }

    /// NIST's GCM test cases 13, 14 and 16.
    @Test(arguments: [
        ("00", 32, "000000000000000000000000", "", "530f8afbc74536b9a963b4f1c4cb738b", "", ""),
        (
            "00", 32, "000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
            "d0d1c8a799996bf0265b98b5d48ab919",
            "", "00000000000000000000000000000000"
        ),
        (
            "feffe9928665731c6d6a8f9467308308", 2, "cafebabefacedbaddecaf888",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
                + "c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
                + "b16aedf5aa0de657ba637b39"
        ),
    ])
    func publishedCiphertextsOpen(
        key: String, times: Int, nonce: String, ciphertext: String, tag: String, context: String, plaintext: String
    ) throws {
        let key = try #require(Hex.decode(String(repeating: key, count: times)))
        let sealed = try #require(Hex.decode(nonce + ciphertext + tag))
        let context = try #require(Hex.decode(context))
        #expect(try Hex.encode(AESGCM.open(sealed, key: key, context: context)) == plaintext)
    }

    @Test func anyAlteredBitIsNoticed() throws {
        let sealed = try AESGCM.seal(bytes("whsec_"), key: key, context: bytes("a"))
        for bit in 0..<(sealed.count * 8) {
            var altered = sealed
            altered[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: CryptoError.notAuthentic) { try AESGCM.open(altered, key: key, context: bytes("a")) }
        }
        for count in 0..<sealed.count {
            #expect(throws: CryptoError.notAuthentic) {
                try AESGCM.open(Array(sealed.prefix(count)), key: key, context: bytes("a"))
            }
        }
    }

    @Test func anotherKeyOrContextOpensNothing() throws {
        let sealed = try AESGCM.seal(bytes("whsec_"), key: key, context: bytes("a"))
        #expect(throws: CryptoError.notAuthentic) { try AESGCM.open(sealed, key: key, context: bytes("b")) }
        #expect(throws: CryptoError.notAuthentic) { try AESGCM.open(sealed, key: key) }
        #expect(throws: CryptoError.notAuthentic) { try AESGCM.open(sealed, key: repeated(1, 32), context: bytes("a")) }
        #expect(throws: CryptoError.keyLength(expected: 32, actual: 16)) {
            try AESGCM.seal([], key: repeated(1, 16))
        }
        #expect(throws: CryptoError.keyLength(expected: 32, actual: 0)) { try AESGCM.open(sealed, key: []) }
    }
}

@Suite struct TextEncodingTests {
    /// RFC 4648, section 10, and a text with the last two letters.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"), ("~~~???", "fn5+Pz8/"),
    ])
    func base64IsThatOfRFC4648(plain: String, encoded: String) {
        #expect(Base64.encode(bytes(plain)) == encoded)
        #expect(Base64.decode(encoded) == bytes(plain))
    }

    @Test(arguments: [
        "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8", "Z", "====", "=", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm-_", "Zm9vé",
        "Z===", "Zm=v",
    ])
    func base64WithAnotherTextForTheSameBytesIsRefused(text: String) { #expect(Base64.decode(text) == nil) }

    @Test func hexIsWrittenInLowerCaseAndReadInBoth() {
        #expect(Hex.encode([0x00, 0x9F, 0xAB]) == "009fab")
        #expect(Hex.decode("009FaB") == [0x00, 0x9F, 0xAB])
        #expect(Hex.decode("") == [])
        for text in ["0", "0g", "0x00", " 00", "00 ", "é0"] { #expect(Hex.decode(text) == nil) }
    }

    @Test func randomBytesSurviveBothEncodings() {
        for count in 0..<200 {
            let random = randomBytes(count)
            #expect(random.count == count)
            #expect(Base64.decode(Base64.encode(random)) == random)
            #expect(Hex.decode(Hex.encode(random)) == random)
        }
        #expect(randomBytes(32) != randomBytes(32))
    }

    @Test func equalityInConstantTimeIsStillEquality() {
        #expect(constantTimeEqual([1, 2], [1, 2]))
        #expect(constantTimeEqual([], []))
        #expect(!constantTimeEqual([1, 2], [1, 3]))
        #expect(!constantTimeEqual([1, 2], [1, 2, 3]))
    }
}

private func repeated(_ byte: UInt8, _ count: Int) -> [UInt8] { [UInt8](repeating: byte, count: count) }
