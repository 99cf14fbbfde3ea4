/** The results of a question, page after page, and how the scores of all pictures lie. */

import * as api from "./api.js";
import { bodyOf, conditionOf } from "./query.js";
import { toast, useLoaded, useRef, useState } from "./ui.js";

const PAGE = 60; // pictures asked for at once

/** Ask what the question asks. Returns {items, found, isBusy, error, again, more, isMoreBusy}: `more` asks for the next page, null at the end. */
export function useResults(name, question) {
  const { shown, ...asked } = question;
  const key = JSON.stringify(asked);
  const { value: first, error, isLoading, again } = useLoaded((signal) => page(name, question, null, signal), [name, key]);
  const [rest, setRest] = useState({ of: null, items: [] }); // the pages behind the first
  const isAsking = useRef(false);
  const [isMoreBusy, setMoreBusy] = useState(false);
  const isRest = rest.of === first;
  const next = isRest ? rest.next : first?.next;
  const more = async () => {
    if (isAsking.current) return;
    isAsking.current = true;
    setMoreBusy(true);
    try {
      const found = await page(name, question, next);
      setRest({ of: first, items: [...(isRest ? rest.items : []), ...found.items], next: found.next });
    } catch (error) {
      toast(error.message, "bad");
    }
    isAsking.current = false;
    setMoreBusy(false);
  };
  const items = first && !error ? (isRest ? [...first.items, ...rest.items] : first.items) : [];
  return { items, found: error ? null : first?.found, error, isBusy: isLoading, isMoreBusy, again, more: next && !isLoading && !error ? more : null };
}

async function page(name, question, cursor, signal) {
  if (!question.like.length) {
    const found = await api.listRecords(name, { limit: PAGE, filter: conditionOf(question), cursor }, signal);
    return { items: found.records, next: found.next, found: null };
  }
  const found = await api.search(name, await bodyOf(name, question, { limit: PAGE, ...(cursor && { cursor }) }), signal);
  return { items: found.matches, next: found.next, found };
}

/** Count the scores of all pictures that pass the conditions, in hundredths of 0 to 1; [] without a search. */
export function useCounts(name, question) {
  const { like, unlike, crop, filter, more, groupBy } = question;
  const examples = { like, unlike, crop, filter, ...(Object.keys(more).length && { more, groupBy }) };
  const { value } = useLoaded(async (signal) => {
    if (!like.length) return [];
    return api.histogram(name, await bodyOf(name, examples), signal).catch((error) => {
      if (signal.aborted) throw error;
      return []; // the search itself tells what went wrong
    });
  }, [name, JSON.stringify(examples)]);
  return like.length && value ? value : [];
}
