import { expect, test } from '@jest/globals'
import { crc32c, toRecord } from './tf-record.js'

test.each([
  ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['0 to 31', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ['31 to 0', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
])('the checksum of RFC 3720 B.4: %s', (_, bytes, checksum) => {
  expect(crc32c(bytes)).toBe(checksum)
})

test('a record as TensorFlow wrote it', () => {
  // The first record of any event file of version 2, but for its time.
  const event = Buffer.from('0900000000000000001a0d627261696e2e4576656e743a32', 'hex')
  const record = toRecord(event)

  expect(record.readBigUInt64LE(0)).toBe(24n)
  // These four bytes stand in every file whose first event is 24 bytes long.
  expect(record.subarray(8, 12).toString('hex')).toBe('a37f4b22')
  expect(record.subarray(12, 36).equals(event)).toBe(true)
})
