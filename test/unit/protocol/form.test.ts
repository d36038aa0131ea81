import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Form, FormFault, type FormField, fieldValue, formResult } from '../../../src/protocol/index.ts'

const options = [{ value: 'dev', title: 'Dev' }, { value: 'a, b' }, { value: 'a' }]
const field = (rest: Partial<FormField>): FormField => ({ name: 'f', type: 'string', ...rest })
const fault = (act: () => unknown) => {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof FormFault, String(error))
    return error
  }
  throw new Error('it was taken')
}

test('a valid form answer becomes a value of its field’s type, and any other answer is refused', () => {
  const count = field({ type: 'integer', minimum: 1, maximum: 9 })
  assert.equal(fieldValue(count, ' 3 '), 3)
  assert.equal(fieldValue(count, 3), 3)
  for (const no of ['x', '3.5', '0', '10', 'Infinity', '0x3', Number.NaN, true, ['3']])
    assert.match(fault(() => fieldValue(count, no)).message, /^"f" must be/, String(no))
  const amount = field({ type: 'number' })
  const read = ['-1.5e1', '5.', '.5', '+07'].map((said) => fieldValue(amount, said))
  assert.deepEqual(read, [-15, 5, 0.5, 7])
  const sure = field({ type: 'boolean' })
  assert.deepEqual(
    ['Yes', 'true', true, 'n', 'FALSE', false].map((said) => fieldValue(sure, said)),
    [true, true, true, false, false, false],
  )
  fault(() => fieldValue(sure, 'perhaps'))
  fault(() => fieldValue(field({}), 5))
  fault(() => fieldValue(field({ min_length: 3 }), 'ab'))
  assert.equal(fieldValue(field({ max_length: 2 }), '😀😀'), '😀😀')
  const mail = field({ format: 'email' })
  assert.equal(fieldValue(mail, 'a@b.example'), 'a@b.example')
  fault(() => fieldValue(mail, 'nobody'))
  fault(() => fieldValue(field({ format: 'date' }), '2026-13-01'))
  assert.deepEqual(fieldValue(field({ type: 'object' }), '{"a":1}'), { a: 1 })
})

test('an option is selected by its value or title, alone or in a list, even if it contains commas', () => {
  assert.equal(fieldValue(field({ options }), 'Dev'), 'dev')
  assert.equal(fieldValue(field({ options }), 'a, b'), 'a, b')
  assert.match(fault(() => fieldValue(field({ options }), 'prod')).message, /one of dev, a, b, a/)
  const several = field({ type: 'array', options, max_items: 2 })
  assert.deepEqual(fieldValue(several, 'a, b, Dev'), ['a, b', 'dev'])
  assert.deepEqual(fieldValue(several, 'a,dev , a'), ['a', 'dev'])
  assert.deepEqual(fieldValue(several, ['a', 'a, b']), ['a', 'a, b'])
  fault(() => fieldValue(several, 'dev, prod'))
  fault(() => fieldValue(several, ['a', 'dev', 'a, b']))
  assert.deepEqual(fieldValue(field({ type: 'array', options: [{ value: '' }] }), ' ,'), [''])
})

const form: Form = {
  server: 'mini',
  message: 'Where?',
  fields: [
    { name: 'env', type: 'string', required: true, options },
    { name: 'count', type: 'integer', default: 2 },
    { name: 'note', type: 'string' },
  ],
}
const questions = ['Where?\nenv', 'count', 'note'].map((question) => ({ question, options: [] }))

test('the answers to a form are given by field name or by question, and omitted fields get their defaults', () => {
  const filled = (answers: Record<string, string>) => formResult(form, questions, { answers }).content
  assert.deepEqual(filled({ env: 'dev' }), { env: 'dev', count: 2 })
  assert.deepEqual(filled({ 'Where?\nenv': 'Dev', count: '', note: 'x' }), {
    env: 'dev',
    count: 2,
    note: 'x',
  })
  const missing = fault(() => filled({ note: 'x' }))
  assert.deepEqual([missing.field, missing.missing], ['env', true])
  assert.equal(fault(() => filled({ env: 'dev', size: '1' })).field, 'size')
})

test('the key of an answer is the name of a field, or a question that only one field has', () => {
  const fields = ['a', 'b', 'c'].map((name) => ({ name, type: 'string' }))
  const filled = (answers: Record<string, string>, ...asked: string[]) => {
    const form = { server: 's', message: 'm', fields }
    return formResult(
      form,
      asked.map((question) => ({ question, options: [] })),
      { answers },
    ).content
  }
  assert.deepEqual(filled({ b: 'x' }, 'b', 'second', 'third'), { b: 'x' })
  assert.deepEqual(filled({ second: 'x', b: 'y' }, 'first', 'second', 'third'), { b: 'y' })
  assert.deepEqual(filled({ same: 'x' }, 'first', 'second', 'same'), { c: 'x' })
  assert.equal(fault(() => filled({ same: 'x' }, 'first', 'same', 'same')).field, 'same')
  assert.equal(fault(() => filled({ constructor: 'x' }, 'first', 'second', 'third')).field, 'constructor')
})

test('a title selects an option only if the title is unique', () => {
  const options = [
    { value: 'a', title: 'Live' },
    { value: 'b', title: 'Live' },
    { value: 'c', title: 'a' },
  ]
  const field = { name: 'env', type: 'string', options }
  assert.match(fault(() => fieldValue(field, 'Live')).message, /several options with that title: a, b/)
  assert.match(fault(() => fieldValue({ ...field, type: 'array' }, 'c, Live')).message, /several options/)
  assert.deepEqual(
    ['a', 'b', 'c'].map((value) => fieldValue(field, value)),
    ['a', 'b', 'c'],
  )
})

test('a form can be declined or canceled, and a URL must be accepted', () => {
  for (const action of ['decline', 'cancel'])
    assert.deepEqual(formResult(form, questions, { action, answers: {} }), { action })
  assert.equal(fault(() => formResult(form, questions, { action: 'maybe', answers: {} })).field, 'action')
  const address = { server: 'mini', message: 'Log in', url: 'https://example.test', fields: [] }
  const question = { question: 'Log in\nhttps://example.test', options: [] }
  const said = (answer: string) =>
    formResult(address, [question], { answers: { [question.question]: answer } })
  assert.deepEqual(said('Accept'), { action: 'accept' })
  assert.deepEqual(said('cancel'), { action: 'cancel' })
  fault(() => said('perhaps'))
  assert.ok(fault(() => formResult(address, [question], { answers: {} })).missing)
  assert.deepEqual(formResult(address, [question], { action: 'accept', answers: {} }), { action: 'accept' })
  const empty = { server: 'mini', message: 'Sure?', fields: [] }
  assert.deepEqual(formResult(empty, undefined, { action: 'accept', answers: {} }), {
    action: 'accept',
    content: {},
  })
})

test('a type or format counts as unknown even if it is the name of a property that every JavaScript object has', () => {
  for (const name of ['toString', 'constructor', '__proto__', 'hasOwnProperty']) {
    assert.equal(fieldValue(field({ type: name }), 'x'), 'x')
    assert.equal(fieldValue(field({ format: name }), 'x'), 'x')
  }
})

test('an invalid number of a million digits is refused', () => {
  const digits = '1'.repeat(1_000_000)
  for (const no of [`${digits}x`, `${digits}.${digits}x`, `1e${digits}x`])
    assert.match(fault(() => fieldValue(field({ type: 'number' }), no)).message, /^"f" must be a number/)
})
