import * as z from 'zod/mini'
import en from 'zod/v4/locales/en.js'

// Without a locale, every error message would be just "Invalid input". Do not import the index of all
// locales, which would add 290 kB.
z.config(en())
