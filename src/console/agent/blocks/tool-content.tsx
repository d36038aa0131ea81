import type { ComponentChildren } from 'preact'
import { changeOf } from '../../../client/change-of.ts'
import { resultText } from '../../../client/tool-fields.ts'
import { Diff } from '../../parts/diff.tsx'
import { visible } from '../../parts/visible.ts'
import type { ToolBlock } from '../block.ts'
import { Code } from './code.tsx'
import { Fields } from './fields.tsx'
import { ForeignLink } from './foreign-link.tsx'
import { languageOf } from './languages.ts'
import { Long } from './long.tsx'
import { Markdown } from './markdown.tsx'
import { Output } from './output.tsx'
import { Picture } from './picture.tsx'
import { iconOf, picturesIn, textIn, todosIn, withoutNumbers } from './tool-facts.ts'

/** Everything that a tool did: its input and its result, in the form that fits the tool. */
export function ToolContent({ block }: { block: ToolBlock }) {
  const { input } = block
  switch (iconOf(block.tool)) {
    case 'terminal':
      return <Command block={block} />
    case 'file':
      return <FileRead block={block} />
    case 'pencil':
      return <Edited block={block} />
    case 'list':
      return <Todos block={block} />
    case 'globe':
      return <Web block={block} />
    case 'plan':
      return <Plan block={block} />
    case 'question':
      return <Questions block={block} />
    case 'agent':
      return (
        <>
          {textIn(input, 'prompt') !== undefined && <Words block={block} text={textIn(input, 'prompt')!} />}
          {textIn(input, 'prompt') === undefined && <Fields blockKey={block.key} input={input} />}
        </>
      )
    default:
      return <Other block={block} />
  }
}

/** The result of a tool, as text with the colors of a terminal, and its pictures. */
export function Result({ block, text }: { block: ToolBlock; text?: string }) {
  const { result } = block
  if (!result) return null
  const pictures = picturesIn(result.content)
  const words = text ?? resultText(result.content)
  return (
    <>
      {(pictures.length === 0 || words.trim() !== '[image]') && (
        <Output id={`${block.key} result`} text={words} isError={result.is_error} />
      )}
      {pictures.map((picture, at) => (
        <Picture key={at} picture={picture} />
      ))}
    </>
  )
}

function Command({ block }: { block: ToolBlock }) {
  const { command, description, ...rest } = block.input
  if (typeof command !== 'string') return <Other block={block} />
  return (
    <>
      {typeof description === 'string' && description !== command && (
        <p class="tool-note" dir="auto">
          {visible(description)}
        </p>
      )}
      <Long id={`${block.key} command`} text={command} lines={100}>
        {(text) => <Code text={text} language="bash" whole={command} />}
      </Long>
      <Fields blockKey={block.key} input={rest} />
      <Result block={block} />
    </>
  )
}

function FileRead({ block }: { block: ToolBlock }) {
  const { file_path, ...rest } = block.input
  const { result } = block
  if (typeof file_path !== 'string') return <Other block={block} />
  const text = result && withoutNumbers(resultText(result.content))
  const isCode = result && !result.is_error && picturesIn(result.content).length === 0
  return (
    <>
      <Path path={file_path} />
      <Fields blockKey={block.key} input={rest} />
      {isCode ? (
        <Long id={`${block.key} result`} text={text ?? ''} lines={200}>
          {(part) => <Code text={part} language={languageOf(file_path)} whole={text ?? ''} />}
        </Long>
      ) : (
        <Result block={block} />
      )}
    </>
  )
}

function Edited({ block }: { block: ToolBlock }) {
  const { tool = '', input, result } = block
  const change = changeOf({ tool, input })
  if (!change) return <Other block={block} />
  const [part] = change.parts
  return (
    <>
      <Path path={change.path} />
      {tool === 'Write' && part ? (
        <Long id={`${block.key} content`} text={part.after} lines={200}>
          {(text) => <Code text={text} language={languageOf(change.path)} whole={part.after} />}
        </Long>
      ) : (
        change.parts.map(({ before, after }, at) => (
          <Diff key={at} before={before} after={after} path={change.path} numbered={false} />
        ))
      )}
      <Fields blockKey={block.key} input={change.rest} />
      {result?.is_error && <Result block={block} />}
    </>
  )
}

function Todos({ block }: { block: ToolBlock }) {
  const todos = todosIn(block.input)
  if (!todos) return <Other block={block} />
  const signs = { completed: '☑', in_progress: '◐', pending: '☐' }
  const names = { completed: 'Done:', in_progress: 'In progress:', pending: 'To do:' }
  return (
    <>
      <ul class="tool-todos">
        {todos.map(({ text, status }, at) => (
          <li key={at} class={`todo-${status}`}>
            <span role="img" aria-label={names[status]}>
              {signs[status]}
            </span>
            <span dir="auto">{visible(text)}</span>
          </li>
        ))}
      </ul>
      {block.result?.is_error && <Result block={block} />}
    </>
  )
}

function Web({ block }: { block: ToolBlock }) {
  const { url, query, ...rest } = block.input
  const { result } = block
  return (
    <>
      {typeof url === 'string' && (
        <p class="tool-note">
          <ForeignLink address={url}>{visible(url)}</ForeignLink>
        </p>
      )}
      {typeof query === 'string' && <Fields blockKey={block.key} input={{ query }} />}
      <Fields blockKey={block.key} input={rest} />
      {result && !result.is_error ? (
        <Words block={block} text={resultText(result.content)} />
      ) : (
        <Result block={block} />
      )}
    </>
  )
}

function Plan({ block }: { block: ToolBlock }) {
  const plan = textIn(block.input, 'plan')
  if (plan === undefined) return <Other block={block} />
  return (
    <>
      <Words block={block} text={plan} />
      {block.answer !== 'allowed' && <Result block={block} />}
    </>
  )
}

function Questions({ block }: { block: ToolBlock }) {
  const { request, input } = block
  if (!request?.questions) return <Other block={block} />
  const { questions: _, ...rest } = input
  return (
    <>
      <dl class="tool-questions">
        {request.questions.map(({ question, options }, at) => (
          <div key={at}>
            <dt dir="auto">{visible(question)}</dt>
            <dd dir="auto">{options.map(({ label }) => visible(label)).join(' · ')}</dd>
          </div>
        ))}
      </dl>
      <Fields blockKey={block.key} input={rest} />
      <Result block={block} />
    </>
  )
}

function Other({ block }: { block: ToolBlock }) {
  return (
    <>
      <Fields blockKey={block.key} input={block.input} />
      <Result block={block} />
    </>
  )
}

function Words({ block, text }: { block: ToolBlock; text: string }) {
  const shown = (part: string): ComponentChildren => <Markdown text={part} />
  return (
    <Long id={`${block.key} words`} text={text} lines={200}>
      {shown}
    </Long>
  )
}

const Path = ({ path }: { path: string }) => (
  <p class="tool-path">
    <bdi>{visible(path)}</bdi>
  </p>
)
