import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { pictureSize } from '../../src/console/agent/picture-size.ts'
import { openBrowser } from '../support/browser.ts'
import { ConsoleStage } from '../support/console-stage.ts'
import { statusOf } from '../support/light-daemon.ts'
import { gif, jpeg, png, webp } from '../support/pictures.ts'
import type { Cleanup } from '../support/temp.ts'

const browser = await openBrowser({ after })

/** Shows pictures, or texts in their place, in the conversation of an agent, as the results of a tool. */
async function shown(t: Cleanup, pictures: (Buffer | string)[]) {
  const stage = await ConsoleStage.open(t, browser)
  const daemon = await stage.machine({ agents: [statusOf('a')] })
  const content = pictures.map((picture) => ({
    type: 'image',
    source: {
      type: 'base64',
      media_type: 'image/png',
      data: typeof picture === 'string' ? picture : picture.toString('base64'),
    },
  }))
  const events = [
    { kind: 'tool_use', offset: 0, index: 0, tool_use_id: 't', tool: 'Read', input: { file_path: '/x.png' } },
    { kind: 'tool_result', offset: 5, index: 0, tool_use_id: 't', is_error: false, content },
  ]
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: 10, events })
  const { page } = await stage.signedIn({ path: '/agents/machine-1/a' })
  await page.locator('summary', { hasText: '/x.png' }).click()
  return page
}

const imagesOn = (page: Page) => page.getByLabel('Conversation').getByRole('img')

/** Returns a picture that the browser encodes. */
async function encoded(page: Page, type: string): Promise<Buffer> {
  const url = await page.evaluate<string>(`(() => {
    const canvas = document.createElement('canvas')
    canvas.width = 321
    canvas.height = 123
    canvas.getContext('2d').fillRect(5, 5, 50, 50)
    return canvas.toDataURL('image/${type}')
  })()`)
  assert.ok(url.startsWith(`data:image/${type};base64,`))
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')
}

test('a picture with enormous dimensions is a sentence, and never becomes an image', async (t) => {
  const side = { width: 60_000, height: 60_000 }
  const small = { width: 2000, height: 2000 }
  const page = await shown(t, [
    png({ width: 100_000, height: 100_000 }),
    jpeg(side),
    gif({ width: 1, height: 1 }, [side]),
    webp({ width: 2 ** 24, height: 2 ** 24 }, 1),
    webp(small, 10_000),
    png({ width: 1, height: 1_000_000 }),
    Buffer.from('no picture'),
    png({ width: 40, height: 30 }),
  ])
  await page.getByText('100,000 × 100,000 pixels: too large to show').waitFor()
  for (const text of [
    '60,000 × 60,000 pixels',
    '16,777,216 × 16,777,216 pixels',
    '2,000 × 2,000 pixels, 10,000 times: too large to show',
    '1 × 1,000,000 pixels',
    'cannot be read',
  ])
    await page.getByText(text).first().waitFor()
  assert.equal(await page.getByText('60,000 × 60,000 pixels: too large to show').count(), 2)
  assert.equal(await imagesOn(page).count(), 1)
})

test('the size of a picture is the size that the browser finds', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const { page: studio } = await stage.visit()
  const pictures = await Promise.all(['png', 'jpeg', 'webp'].map((type) => encoded(studio, type)))
  // The browser enlarges a GIF to its first frame.
  pictures.push(gif({ width: 1, height: 1 }, [{ width: 321, height: 123 }]))
  for (const picture of pictures)
    assert.deepEqual(pictureSize(picture), { width: 321, height: 123, passes: 1 })
  const page = await shown(t, pictures)
  await imagesOn(page)
    .nth(pictures.length - 1)
    .waitFor()
  const sizes = await page.evaluate(
    'Promise.all([...document.querySelectorAll(".picture")].map(async (image) => { image.loading = "eager"; await image.decode(); return [image.naturalWidth, image.naturalHeight] }))',
  )
  assert.deepEqual(
    sizes,
    pictures.map(() => [321, 123]),
  )
})

test('a text in place of a picture never becomes an image, and does not freeze the page', async (t) => {
  const picture = png({ width: 40, height: 30 })
  const base64 = picture.toString('base64')
  const page = await shown(t, [
    `${' '.repeat(2_000_000)}!`,
    `${base64}"><b>`,
    `,${base64}`,
    `%${base64}`,
    `${base64}#`,
    '',
    `${base64.slice(0, 20)}\n${base64.slice(20)}`,
  ])
  await imagesOn(page).waitFor()
  assert.equal(await page.getByText('cannot be read').count(), 6)
  assert.equal(await imagesOn(page).count(), 1)
})
