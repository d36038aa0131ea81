import type { Token, Tokens } from 'marked'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { withCharacters } from '../../../client/character-references.ts'
import { visible } from '../../parts/visible.ts'
import { Code } from './code.tsx'
import { ForeignLink } from './foreign-link.tsx'
import { loadMarkdownLexer, markdownLexer } from './markdown-lexer.ts'
import { markdownTokens } from './markdown-tokens.ts'
import './markdown.css'

/** Maximum depth of nested parts, and maximum number of parts. Anything beyond is shown as plain text. */
const MOST_DEPTH = 16
const MOST_PARTS = 4000

/** A text in Markdown. Markup of other kinds is shown as text. */
export function Markdown({ text }: { text: string }) {
  useEffect(loadMarkdownLexer, [])
  const lexer = markdownLexer.value
  const tokens = useMemo(() => lexer && markdownTokens(text, lexer), [text, lexer])
  if (!tokens)
    return (
      <p class="markdown-plain" dir="auto">
        {visible(text)}
      </p>
    )
  return <div class="markdown">{new Drawing().blocks(tokens, 0)}</div>
}

/** Draws tokens, and counts them. */
class Drawing {
  #parts = 0

  blocks(tokens: readonly Token[], depth: number): ComponentChildren {
    return tokens.map((token, at) => this.#block(token, at, depth))
  }

  #isTooMuch(depth: number): boolean {
    return depth > MOST_DEPTH || ++this.#parts > MOST_PARTS
  }

  #block(token: Token, key: number, depth: number): ComponentChildren {
    if (this.#isTooMuch(depth))
      return (
        <p key={key} class="markdown-plain" dir="auto">
          {visible(token.raw)}
        </p>
      )
    switch (token.type) {
      case 'space':
      case 'def':
        return null
      case 'hr':
        return <hr key={key} />
      case 'code':
        return <Code key={key} text={token.text} language={token.lang} />
      case 'heading':
        return this.#heading(token as Tokens.Heading, key, depth)
      case 'blockquote':
        return <blockquote key={key}>{this.blocks(token.tokens ?? [], depth + 1)}</blockquote>
      case 'list':
        return this.#list(token as Tokens.List, key, depth)
      case 'table':
        return this.#table(token as Tokens.Table, key, depth)
      case 'paragraph':
        return (
          <p key={key} dir="auto">
            {this.#inline(token, depth)}
          </p>
        )
      case 'checkbox':
        return null
      case 'text':
        return (
          <span key={key} dir="auto">
            {this.#inline(token, depth)}
          </span>
        )
      default:
        return (
          <p key={key} class="markdown-plain" dir="auto">
            {visible(token.raw.trimEnd())}
          </p>
        )
    }
  }

  #heading(token: Tokens.Heading, key: number, depth: number) {
    // The page has the first two levels, and texts may skip levels.
    return (
      <h3 key={key} class={`markdown-h${token.depth}`} dir="auto">
        {this.#inline(token, depth)}
      </h3>
    )
  }

  #list(token: Tokens.List, key: number, depth: number) {
    const items = token.items.map((item, at) => (
      <li key={at} class={item.task ? 'markdown-task' : undefined}>
        {item.task && (
          <span role="img" aria-label={item.checked ? 'Done:' : 'To do:'}>
            {item.checked ? '☑' : '☐'}
          </span>
        )}
        <div>{this.blocks(item.tokens, depth + 1)}</div>
      </li>
    ))
    return token.ordered ? (
      <ol key={key} start={Number(token.start) || 1} dir="auto">
        {items}
      </ol>
    ) : (
      <ul key={key} dir="auto">
        {items}
      </ul>
    )
  }

  #table({ header, rows }: Tokens.Table, key: number, depth: number) {
    const cells = (Tag: 'th' | 'td', row: Tokens.TableCell[]) =>
      row.map((cell, at) => (
        <Tag key={at} dir="auto" class={cell.align ? `markdown-${cell.align}` : undefined}>
          {this.#inline(cell, depth)}
        </Tag>
      ))
    return (
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
      <section key={key} class="markdown-table" aria-label="Table" tabIndex={0}>
        <table>
          <thead>
            <tr>{cells('th', header)}</tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={at}>{cells('td', row)}</tr>
            ))}
          </tbody>
        </table>
      </section>
    )
  }

  #inline({ tokens, text, raw }: { tokens?: Token[]; text?: string; raw?: string }, depth: number) {
    if (!tokens || depth > MOST_DEPTH) return visible(withCharacters(text ?? raw ?? ''))
    return tokens.map((token, at) => this.#span(token, at, depth + 1))
  }

  #span(token: Token, key: number, depth: number): ComponentChildren {
    if (this.#isTooMuch(depth)) return visible(token.raw)
    switch (token.type) {
      case 'strong':
        return <strong key={key}>{this.#inline(token, depth)}</strong>
      case 'em':
        return <em key={key}>{this.#inline(token, depth)}</em>
      case 'del':
        return <del key={key}>{this.#inline(token, depth)}</del>
      case 'codespan':
        return <code key={key}>{visible(token.text)}</code>
      case 'br':
        return <br key={key} />
      case 'checkbox':
        return null
      case 'link':
        return (
          <ForeignLink key={key} address={token.href}>
            {this.#inline(token, depth)}
          </ForeignLink>
        )
      case 'image':
        return (
          <ForeignLink key={key} address={token.href}>
            Image{token.text ? `: ${visible(token.text)}` : ''}
          </ForeignLink>
        )
      case 'text':
        return this.#inline(token, depth)
      case 'escape':
        return visible(token.text)
      default:
        return visible(token.raw)
    }
  }
}
