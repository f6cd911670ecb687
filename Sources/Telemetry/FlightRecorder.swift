package import EventLoop
import Glibc

/// What this process is in the middle of, kept in a small file that survives `kill -9`: a fleet test reads there what it
/// has interrupted.
///
/// Only tests switch it on. The file is mapped into memory, so a change is a store and no call of the kernel; while it is
/// off, a change is one comparison. Readers need no lock: each number is one aligned word.
///
/// The file is ``wordCount`` words of 64 bits in the machine's order: the magic number, the process id, one word for each
/// ``Stage``, and from word 16 on how many batches of 0, 1, … 500 jobs were leased. Stages begin at 0 with each process;
/// batches go on counting, so that they are those of all processes that ever had the file.
@Loop
package final class FlightRecorder {
    /// What can be under way; each is a number of things.
    package enum Stage: Int, CaseIterable, Sendable {
        /// Jobs leased, and not settled as far as this process knows.
        case leased = 2
        /// Transactions whose BEGIN was sent and whose end is not known.
        case inTransaction
        /// Jobs whose effect is committed and whose acknowledgement Redis has not confirmed.
        case unacknowledged
        /// Webhook requests begun and not answered.
        case sending
    }

    /// The process's own; nil unless a test asked for it.
    package private(set) static var shared: FlightRecorder?

    nonisolated package static let wordCount = firstBatchWord + batchJobsMax + 1
    nonisolated package static let magic: Int64 = 0x5452_4942_464c_5931
    nonisolated private static let firstBatchWord = 16
    nonisolated private static let batchJobsMax = 500

    private let words: UnsafeMutablePointer<Int64>

    /// Opens the file, makes it if it is not there, and begins at no stage.
    /// - Throws: ``Failure`` when the file cannot be opened or mapped.
    package init(path: String) throws(Failure) {
        let bytes = Self.wordCount * MemoryLayout<Int64>.size
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failure(path: path, code: errno) }
        // The mapping stays when the descriptor goes.
        defer { close(file) }
        guard ftruncate(file, bytes) == 0 else { throw Failure(path: path, code: errno) }
        guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), memory != MAP_FAILED else {
            throw Failure(path: path, code: errno)
        }
        words = memory.bindMemory(to: Int64.self, capacity: Self.wordCount)
        for stage in Stage.allCases { words[stage.rawValue] = 0 }
        words[1] = Int64(getpid())
        words[0] = Self.magic
    }

    isolated deinit { munmap(words, Self.wordCount * MemoryLayout<Int64>.size) }

    /// Makes it the process's own from now on.
    package func share() { Self.shared = self }

    /// That many more (or, below zero, fewer) are under way.
    package func add(_ change: Int, to stage: Stage) { words[stage.rawValue] += Int64(change) }

    package func set(_ stage: Stage, _ value: Int) { words[stage.rawValue] = Int64(value) }

    package func countBatch(jobs: Int) { words[Self.firstBatchWord + min(max(0, jobs), Self.batchJobsMax)] += 1 }

    package struct Failure: Error, CustomStringConvertible {
        let path: String
        let code: Int32
        package var description: String { "the recorder's file \(path): \(String(cString: strerror(code)))" }
    }
}
