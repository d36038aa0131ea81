/** A phrase that the project's texts avoid, and what to write instead. */
export interface Phrase {
  match: RegExp
  better: string
}

const NOUN = 'the noun it stands for'

/** Phrases that no comment, message, test title or page uses. */
export const phrases: Phrase[] = [
  {
    match: /\b(?:is|are|was|were|has|have|had|will be) (?:not )?to be\b(?! (?:a|an|the)\b)/i,
    better: '"must be", "will be", or the verb itself',
  },
  { match: /\bnot to be had\b/i, better: '"unavailable", "disabled"' },
  { match: /\banew\b/i, better: '"again"' },
  { match: /\bin the midst\b/i, better: '"during"' },
  { match: /\bbeside\b/i, better: '"next to", "alongside", "besides"' },
  {
    match: /\bso (?:long|often|many|much|few)\b(?! (?:that|as)\b)/i,
    better: 'the limit by its name: "for 20 s", "at most 5"',
  },
  { match: /\bwho(?:m?)(?:so)?ever\b/i, better: NOUN },
  { match: /\bones? (?:that|which|who|whose)\b/i, better: NOUN },
  { match: /\bthat which\b/i, better: NOUN },
  { match: /\bwhat (?:is|was|are|were|has|had|have)\b(?! (?:wrong|new|this)\b)/i, better: NOUN },
  { match: /\bwhatever\b/i, better: 'the cases it stands for, or "any"' },
  { match: /\bsomebody\b/i, better: '"a person", "an operator", "another user", "someone"' },
  { match: /\bfor ever\b/i, better: '"forever", "permanently"' },
  { match: /\b(?:go|goes|going|went|gone) on\b/i, better: '"continue", "keep"' },
  { match: /\ba second time\b/i, better: '"again"' },
  { match: /\blooked after\b/i, better: '"managed", "supervised"' },
  { match: /\bha(?:s|ve) (?:its|their) turn\b/i, better: '"runs"' },
  { match: /\b(?:do|does|did) not do\b/i, better: '"does not work", "is not enough"' },
  { match: /\bmakes? do\b/i, better: '"manages", "needs only"' },
  {
    match: /\b(?:thus|hence|therein|thereof|thereby|whereby|wherein|likewise)\b/i,
    better: 'a shorter sentence',
  },
  { match: /\band the like\b/i, better: '"and similar …", or the list' },
  { match: /\b(?:has|have|had) come to\b/i, better: 'the verb itself' },
  { match: /\bno more\b(?! than\b)/i, better: '"no longer", "nothing else"' },
  { match: /\bwhich (?:one )?it is\b/i, better: NOUN },
  { match: /\bat the (?:same|very) least\b/i, better: '"at least"' },
  { match: /\bas (?:it|they) (?:is|are|was|were)\b(?! (?:now|today)\b)/i, better: '"unchanged"' },
  {
    match: /\bon its own part\b|\bof its own\b(?! (?:process|user|session|namespace|accord))/i,
    better: '"its own …", "a separate …"',
  },
  { match: /\bis (?:asked|told) (?:of|about|for)\b/i, better: 'the active verb with its actor' },
]

/** First words that documentation comments avoid, so that each begins with its subject. */
export const openings: Phrase[] = [
  { match: /^\s*Whether\b/, better: '"Reports whether…" or "True if…"' },
  {
    match: /^\s*How (?:long|often|many|much|far)\b/,
    better: '"Maximum…", "Interval between…", "Number of…", with its unit',
  },
  {
    match: /^\s*(?:What|Who|Whom|Whose|Which|How|One|Ones|That|Those)\b/,
    better: 'the noun: "Returns…", "Name of…", "Files that…"',
  },
  { match: /^\s*(?:Of|So)\b/, better: 'the subject of the sentence' },
]

/** British spellings; the texts are American. */
export const spellings: Phrase[] = [
  ...[
    ['behaviour', 'behavior'],
    ['colour', 'color'],
    ['favour', 'favor'],
    ['honour', 'honor'],
    ['neighbour', 'neighbor'],
    ['licence', 'license'],
    ['defence', 'defense'],
    ['catalogue', 'catalog'],
    ['cancelled', 'canceled'],
    ['cancelling', 'canceling'],
    ['centre', 'center'],
    ['grey', 'gray'],
    ['whilst', 'while'],
    ['artefact', 'artifact'],
  ].map(([british, american]) => ({ match: new RegExp(`\\b${british}`, 'i'), better: `"${american}"` })),
  {
    match:
      /\b(?:author|initial|normal|organ|recogn|serial|summar|synchron|util|optim|minim|maxim|final|general|special)is(?:e|es|ed|ing|ation)\b/i,
    better: 'the spelling with "z"',
  },
]
