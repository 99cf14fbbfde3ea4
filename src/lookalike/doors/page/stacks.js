/** Stacks: the matches of a search by groups, each with how many pictures its group has, opened in place. */

import * as api from "./api.js";
import { bodyOf, searchConditionOf } from "./query.js";
import { toast, useEffect, useLoaded, useState } from "./ui.js";
import { valueOf } from "./words.js";

const MEMBERS = 60; // of an open stack
const VALUES = 1000; // of a field that are counted

/**
 * Lay open stacks out among the items. Returns [items, toggle]: a match of a group has `stack` = {value, count, isOpen}, and a
 * member of an open one `isMember`; `toggle` opens or closes the stack of a match.
 */
export function useStacks(name, question, items) {
  const field = question.like.length ? question.groupBy : null;
  const [open, setOpen] = useState(new Map()); // value as JSON -> members
  const { value: counts } = useLoaded(async (signal) => {
    if (!field) return null;
    const { facets } = await api.facets(name, { filter: searchConditionOf(question), field, limit: VALUES }, signal).catch(() => ({ facets: [] }));
    return new Map((facets[0]?.values ?? []).map(({ value, count }) => [JSON.stringify(value), count]));
  }, [name, field, JSON.stringify(searchConditionOf(question))]);
  useEffect(() => setOpen(new Map()), [field, items]);
  if (!field) return [items, null];

  const toggle = async (match) => {
    const value = valueOf(match, field);
    const key = JSON.stringify(value);
    if (open.has(key)) return setOpen(new Map([...open].filter(([one]) => one !== key)));
    try {
      const { groupBy, more: { members, ...more }, ...others } = question; // members are those of groups
      const wanted = { ...others, more, collapse: false, diversity: 0, filter: { ...question.filter, [field]: [value] } };
      const { matches } = await api.search(name, await bodyOf(name, wanted, { limit: MEMBERS }));
      setOpen((before) => new Map([...before, [key, matches.filter(({ id }) => id !== match.id)]]));
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  const laid = items.flatMap((match) => {
    const value = valueOf(match, field);
    if (value === undefined || value === null || Array.isArray(value)) return [match];
    const key = JSON.stringify(value);
    const stack = { value, count: counts?.get(key) ?? null, isOpen: open.has(key) };
    return [{ ...match, stack }, ...(open.get(key) ?? []).map((one) => ({ ...one, isMember: true }))];
  });
  return [laid, toggle];
}
