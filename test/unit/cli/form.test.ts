import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldAnswer, fillable, formAnswers } from '../../../src/cli/agent/form.ts'
import { answersOf, replyIn, replyText } from '../../../src/cli/agent/reply.ts'
import { colors } from '../../../src/cli/render/ansi.ts'
import { answerHint, permissionText } from '../../../src/cli/render/permission.ts'
import { type Form, fieldValue, type PermissionRequest } from '../../../src/protocol/index.ts'

const form: Form = {
  server: 'deploy',
  message: 'Where to?',
  fields: [
    {
      name: 'env',
      type: 'string',
      title: 'Environment',
      required: true,
      options: [{ value: 'stg', title: 'Staging' }, { value: 'prd' }],
    },
    { name: 'replicas', type: 'integer', description: 'How many', minimum: 1, maximum: 9, default: 2 },
    { name: 'note', type: 'string' },
  ],
}
const questions = [
  { question: 'Where to?\nEnvironment (env)', options: [{ label: 'Staging' }, { label: 'prd' }] },
  { question: 'replicas', options: [] },
  { question: 'note', options: [] },
]
const request = (rest: Partial<PermissionRequest>): PermissionRequest => ({
  request_id: 'r',
  ask: 'question',
  tool: 'mcp__deploy',
  input: {},
  ...rest,
})
const shown = (of: Form) => permissionText(request({ form: of }), colors(false))

test('the number of an option selects that option, even if the title of another option is that number', () => {
  const options = [
    { value: 'dev', title: 'prod' },
    { value: 'prod', title: 'Live' },
    { value: 'old', title: 'Live' },
  ]
  const field = { name: 'env', type: 'string', options }
  const question = { question: 'env', options: options.map(({ title }) => ({ label: title })) }
  const values = ['1', '2', '3'].map((typed) => fieldValue(field, fieldAnswer(field, question, typed)))
  assert.deepEqual(values, ['dev', 'prod', 'old'])
  const several = { ...field, type: 'array' }
  const typed = fieldAnswer(several, { ...question, multi_select: true }, '3, 1')
  assert.deepEqual(fieldValue(several, typed), ['old', 'dev'])
  // The third option is the first two options, joined with a comma.
  const joined = { ...several, options: ['a', 'b', 'a, b'].map((value) => ({ value })) }
  const chosen = fieldAnswer(joined, { ...question, multi_select: true }, '1, 2')
  assert.deepEqual(fieldValue(joined, chosen), ['a', 'b'])
  assert.equal(replyText(replyIn(joined, 0, chosen)), 'field 1 "env": option 1 "a", option 2 "b"')
})

test('answers to a form can be in order or by name, and numbers select options', () => {
  const answers = (...typed: string[]) => answersOf(formAnswers(form, questions, typed))
  assert.deepEqual(answers('1'), { env: 'stg' })
  assert.deepEqual(answers('Staging'), { env: 'stg' })
  assert.deepEqual(answers('prd', '3', 'a note'), { env: 'prd', replicas: '3', note: 'a note' })
  assert.deepEqual(answers('note=a=b', '2', 'replicas='), { env: 'prd', note: 'a=b' })
  assert.deepEqual(answers('2', '', 'x'), { env: 'prd', note: 'x' })
  for (const [typed, words] of [
    [[], /No answer to "Environment \(env\)"/],
    [['3'], /no option 3/],
    [['qa'], /must be one of stg, prd/],
    [['1', 'many'], /must be a number/],
    [['1', '2', 'x', 'y'], /has 3 fields/],
  ] as const)
    assert.throws(() => answers(...typed), words)
})

test('a form field accepts a valid answer, and refuses any other answer with an explanation', () => {
  const [, replicas] = form.fields
  assert.equal(fieldAnswer(replicas!, questions[1], ' 3 '), '3')
  assert.equal(fieldAnswer(replicas!, questions[1], ''), '')
  assert.throws(() => fieldAnswer(replicas!, questions[1], '10'), { code: 'answer_invalid', exitCode: 2 })
})

test('a form is shown with its fields, the values they accept, and the commands that end the form', () => {
  assert.equal(
    shown(form),
    `? MCP server "deploy" asks: Where to?
  Environment (env): one of, required
    1. Staging - stg
    2. prd
  replicas: a whole number, at least 1, at most 9, optional, default: 2
    - How many
  note: text, optional
  (an empty answer skips a field; /decline or /cancel ends the form)`,
  )
  assert.match(
    answerHint('a', request({ form })),
    /agent answer a NAME=VALUE --request r +or +\S+ agent deny a$/,
  )
})

test('a URL is shown with its host, and without control characters', () => {
  const url = 'https://bank.example@evil.example/\x1b[2J'
  const address = { server: 'x\x1b[2J', message: 'Log in\x07', url, fields: [] }
  const text = shown(address)
  assert.match(text, /at evil\.example: https:\/\/bank\.example@evil\.example/)
  assert.match(text, /1\. Accept\n +2\. Decline\n +3\. Cancel/)
  assert.doesNotMatch(text, /\x1b|\x07/)
  assert.match(shown({ ...address, url: 'no address' }), /at no host: no address/)
  assert.equal(fillable(request({ form: address })), undefined)
  assert.equal(fillable(request({ form })), form)
  assert.match(answerHint('a', request({ form: address })), /agent answer a accept --request r/)
})

test('a form is shown even if a field’s type is the name of a property that every JavaScript object has', () => {
  const text = shown({ server: 's', message: 'm', fields: [{ name: 'f', type: 'constructor' }] })
  assert.match(text, /f: constructor, optional/)
})
