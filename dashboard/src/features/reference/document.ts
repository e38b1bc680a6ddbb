// The OpenAPI document as the page shows it: operations by group, each with its parameters and the
// fields of its answer.

import document from "../../../openapi.json";

type Schema = {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  enum?: unknown[];
  additionalProperties?: Schema | boolean;
};

export type Parameter = {
  name: string;
  in: string;
  required: boolean;
  description: string;
  type: string;
};

export type Field = { name: string; type: string; description: string };

export type Operation = {
  id: string;
  method: string;
  path: string;
  group: string;
  summary: string;
  description: string;
  parameters: Parameter[];
  statuses: string[];
  /** What is sent; nothing where there is no body. */
  body: Field[];
  fields: Field[];
  /** Whether only the owner of the address may ask, by a session. */
  isForOwners: boolean;
};

type RawParameter = {
  name?: string;
  in?: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
  $ref?: string;
};
type Content = { content?: Record<string, { schema?: Schema }> };
type RawOperation = {
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: RawParameter[];
  requestBody?: Content;
  responses?: Record<string, Content>;
  security?: unknown[];
};

const METHODS = ["get", "post", "put", "patch", "delete"] as const;
const FIELD_DEPTH_MAX = 6;

const raw = document as unknown as {
  paths: Record<string, Record<string, RawOperation>>;
  components: Record<string, Record<string, unknown>>;
};

/** What a `$ref` points to. */
function resolve<T>(reference: string): T | undefined {
  const [, , kind = "", name = ""] = reference.split("/");
  return raw.components[kind]?.[name] as T | undefined;
}

export function operations(): Operation[] {
  return Object.entries(raw.paths).flatMap(([path, methods]) =>
    METHODS.flatMap((method) => {
      const operation = methods[method];
      return operation ? [operationOf(method, path, operation)] : [];
    }),
  );
}

function operationOf(method: string, path: string, operation: RawOperation): Operation {
  const answer = operation.responses?.["200"] ?? operation.responses?.["201"];
  return {
    id: `${method}-${path.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "")}`,
    method: method.toUpperCase(),
    path,
    group: operation.tags?.[0] ?? "",
    summary: operation.summary ?? "",
    description: operation.description ?? "",
    parameters: (operation.parameters ?? []).map(parameterOf),
    statuses: Object.keys(operation.responses ?? {}),
    body: fieldsIn(operation.requestBody),
    fields: fieldsIn(answer),
    isForOwners: operation.security !== undefined,
  };
}

function fieldsIn(content: Content | undefined): Field[] {
  const schema = content?.content?.["application/json"]?.schema;
  return schema ? fieldsOf(schema, 0) : [];
}

function parameterOf(given: RawParameter): Parameter {
  const parameter = given.$ref ? (resolve<RawParameter>(given.$ref) ?? given) : given;
  return {
    name: parameter.name ?? "",
    in: parameter.in ?? "query",
    required: parameter.required ?? false,
    description: parameter.description ?? "",
    type: typeName(parameter.schema),
  };
}

/** The fields of an object, those of what it is put together from included. */
export function fieldsOf(schema: Schema, depth: number): Field[] {
  if (depth > FIELD_DEPTH_MAX) return [];
  if (schema.$ref) {
    const target = resolve<Schema>(schema.$ref);
    return target ? fieldsOf(target, depth + 1) : [];
  }
  const own = Object.entries(schema.properties ?? {}).map(([name, field]) => ({
    name,
    type: typeName(field),
    description: descriptionOf(field),
  }));
  return [...(schema.allOf ?? []).flatMap((part) => fieldsOf(part, depth + 1)), ...own];
}

function descriptionOf(schema: Schema): string {
  if (schema.description) return schema.description;
  const target = schema.$ref ? resolve<Schema>(schema.$ref) : undefined;
  return target?.description ?? "";
}

/** A short name of a type: what it holds, and whether it may be missing. */
export function typeName(schema: Schema | undefined): string {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").at(-1) ?? "object";
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return either.map(typeName).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const [first = "object", ...others] = [schema.type ?? "object"].flat();
  const name = first === "array" ? `${typeName(schema.items)}[]` : first;
  return [name, ...others].join(" | ");
}
