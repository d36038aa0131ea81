import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pictureSize } from '../../../src/console/agent/picture-size.ts'
import { gif, jpeg, png, webp } from '../../support/pictures.ts'

const HUGE = { width: 60_000, height: 50_000 }

test('the size of a picture is in its first bytes, however little data follows', () => {
  assert.deepEqual(pictureSize(png({ width: 2 ** 31 - 1, height: 7 })), {
    width: 2 ** 31 - 1,
    height: 7,
    passes: 1,
  })
  assert.deepEqual(pictureSize(jpeg(HUGE)), { ...HUGE, passes: 1 })
  assert.deepEqual(pictureSize(gif(HUGE, [])), { ...HUGE, passes: 1 })
  assert.deepEqual(pictureSize(webp({ width: 2 ** 24, height: 1 }, 0)), {
    width: 2 ** 24,
    height: 1,
    passes: 1,
  })
})

test('the frames of an animation and the scans of a JPEG are counted', () => {
  const size = { width: 10, height: 20 }
  for (const picture of [png(size, 300), jpeg(size, 300), gif(size, Array(300).fill(size)), webp(size, 300)])
    assert.deepEqual(pictureSize(picture), { ...size, passes: 300 })
})

test('a GIF is as large as its largest frame', () => {
  assert.deepEqual(pictureSize(gif({ width: 1, height: 1 }, [{ width: 5, height: 1 }, HUGE])), {
    ...HUGE,
    passes: 2,
  })
})

test('a file that is no picture, or has no size, cannot be read', () => {
  const size = { width: 3, height: 3 }
  const whole = [png(size), jpeg(size), gif(size, [size]), webp(size, 1)]
  for (const picture of whole)
    for (let length = 0; length < Math.min(picture.length, 40); length++) {
      const cut = pictureSize(picture.subarray(0, length))
      assert.ok(
        cut === undefined || (cut.width === 3 && cut.height === 3),
        `${length} ${JSON.stringify(cut)}`,
      )
    }
  assert.equal(pictureSize(Buffer.from('<svg width="100000" height="100000"/>')), undefined)
  assert.equal(pictureSize(Buffer.from('BM0000000000000000000000000')), undefined)
  assert.equal(pictureSize(png({ width: 0, height: 3 })), undefined)
})

test('reading a picture of arbitrary bytes ends soon', () => {
  const heads = ['\x89PNG\r\n\x1a\n\0\0\0\rIHDR', '\xff\xd8\xff', 'GIF89a', 'RIFF0000WEBPVP8X']
  for (const head of heads)
    for (const byte of [0, 1, 0x21, 0x2c, 0x7f, 0xd8, 0xff]) {
      const bytes = Buffer.concat([Buffer.from(head, 'latin1'), Buffer.alloc(4_000_000, byte)])
      assert.doesNotThrow(() => pictureSize(bytes))
    }
})
