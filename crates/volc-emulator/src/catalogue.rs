//! Every error code that the documents name, as one table.

/// A call-level error: the service's own for `DeleteImages`, or the platform's before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorCode {
    /// `Error.Code`, such as `InvalidAccessKey`: the name that programs go by.
    pub code: &'static str,
    /// `Error.CodeN`, where one is known; left out of the answer otherwise.
    pub code_n: Option<u32>,
    /// The HTTP status of an answer with this code; some documents differ, see [`CATALOGUE`].
    pub status: u16,
    /// `Error.Message`, with `%s` where the service fills something in.
    pub message: &'static str,
    /// What the emulator fills in for an answer that was forced.
    samples: &'static [&'static str],
}

impl ErrorCode {
    /// The row of a code, or of a `CodeN` in digits: `InternalError` and `FlowLimitExceeded` have two rows, and a name finds
    /// the one of ECS. `None` for what is not in the [`CATALOGUE`].
    pub fn find(code: &str) -> Option<&'static Self> {
        let number = code.parse().ok();
        CATALOGUE.iter().find(|row| row.code == code || (number.is_some() && row.code_n == number))
    }

    /// The message with its gaps filled in order; what `with` does not fill, the samples do.
    pub(crate) fn filled(&self, with: &[&str]) -> String {
        let mut pieces = self.message.split("%s");
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for (gap, piece) in pieces.enumerate() {
            text.push_str(with.get(gap).or(self.samples.get(gap)).copied().unwrap_or_default());
            text.push_str(piece);
        }
        text
    }
}

const fn row(code: &'static str, code_n: u32, status: u16, message: &'static str) -> ErrorCode {
    ErrorCode { code, code_n: if code_n == 0 { None } else { Some(code_n) }, status, message, samples: &[] }
}

const fn filled(
    code: &'static str,
    code_n: u32,
    status: u16,
    message: &'static str,
    samples: &'static [&'static str],
) -> ErrorCode {
    ErrorCode { samples, ..row(code, code_n, status, message) }
}

/// Every call-level code that the emulator can answer with, by itself or by [`Fault::ApiError`](crate::Fault::ApiError).
///
/// The first group is the table of `DeleteImages` (<https://www.volcengine.com/docs/6396/120265>), the second the common
/// codes of ECS and of the platform (<https://www.volcengine.com/docs/6396/1253687>,
/// <https://www.volcengine.com/docs/6369/68677>, <https://www.volcengine.com/docs/4/65595>). `CodeN` 100018, 100024,
/// 100025, 100026 and 100027 come from users' reports. Where the documents give two statuses (`InvalidTimestamp` 400 or
/// 403, `LackProjectPolicy` 403 or 401), the newer document's is here; `ServiceShouldCallSelfApi` has none, 400 is our
/// choice. Messages that no document prints are ours: of `UndefinedError`, `ServiceShouldCallSelfApi`, `LackPolicy`,
/// `FailToConnect`, `ServiceUnavailableTemp`, `MethodNotAllowed`, `InternalServiceError` and of the third group, which are
/// old names and one instance of the pattern `Invalid{FieldName}.Malformed`. The last row is an image's code, as a
/// `DescribeImages` may have it; nothing documents that, nor its status.
pub const CATALOGUE: &[ErrorCode] = &[
    MISSING_IMAGE_ID,
    INVALID_ARGUMENT,
    TOO_MANY_IMAGE_IDS,
    row("InternalError", 0, 500, "An internal error has occurred."),
    FLOW_LIMIT_EXCEEDED,
    //
    row("UndefinedError", 100001, 500, "Undefined error."),
    MISSING_PARAMETER,
    MISSING_AUTHENTICATION_TOKEN,
    MISSING_REQUEST_INFO,
    MISSING_SIGNATURE,
    INVALID_TIMESTAMP,
    SERVICE_NOT_FOUND,
    INVALID_ACTION_OR_VERSION,
    INVALID_ACCESS_KEY,
    SIGNATURE_DOES_NOT_MATCH,
    row("ServiceShouldCallSelfApi", 100011, 400, "The service should call its own API."),
    row("LackPolicy", 100012, 403, "Request was rejected because of lack of policy."),
    ACCESS_DENIED,
    row("InternalError", 100014, 500, "Service has some internal Error. Pls Contact With Admin."),
    row("FailToConnect", 100015, 502, "Fail to connect to the service."),
    row("InternalServiceTimeout", 100016, 504, "Internal Service is timeout. Pls Contact With Admin."),
    row(
        "FlowLimitExceeded",
        100018,
        429,
        "Request was rejected because the request speed of this openAPI is beyond the current flow control limit.",
    ),
    INVALID_AUTHORIZATION,
    INVALID_CREDENTIAL,
    INVALID_SECRET_TOKEN,
    row("AccountFlowLimitExceeded", 100027, 429, "request too frequent"),
    row("ServiceUnavailableTemp", 0, 503, "Service is unavailable temporarily."),
    METHOD_NOT_ALLOWED,
    row("InternalServiceError", 0, 502, "Internal service error."),
    LACK_PROJECT_POLICY,
    row("InnerApiNeedAccountInfo", 0, 400, "The inner request should have account info"),
    //
    filled("ServiceUnavailable", 100007, 404, "This service[%s] is unavailable.", &["ecs"]),
    filled("InvalidClientTokenId", 100009, 401, "The accesskey [%s] included in the request is invalid.", &["AKLTunknown"]),
    row("InvalidImageIds.Malformed", 0, 400, "The specified ImageIds is malformed."),
    //
    IMAGE_NOT_FOUND,
];

pub(crate) const MISSING_IMAGE_ID: ErrorCode =
    row("MissingParameter.ImageId", 0, 400, "The required parameter ImageId is not supplied.");
pub(crate) const INVALID_ARGUMENT: ErrorCode = row("InvalidArgument", 0, 400, "The specified argument is invalid.");
pub(crate) const TOO_MANY_IMAGE_IDS: ErrorCode =
    row("LimitExceeded.MaximumImageIds", 0, 400, "You've reached the limit on the number of ImageIds that you can set.");
pub(crate) const FLOW_LIMIT_EXCEEDED: ErrorCode =
    row("FlowLimitExceeded", 0, 429, "You've reach the limit on request rate of resources.");
pub(crate) const MISSING_PARAMETER: ErrorCode =
    filled("MissingParameter", 100002, 400, "The request is missing %s parameter.", &["Action"]);
pub(crate) const MISSING_AUTHENTICATION_TOKEN: ErrorCode =
    row("MissingAuthenticationToken", 100003, 401, "Request is missing Authentication Token");
pub(crate) const MISSING_REQUEST_INFO: ErrorCode =
    filled("MissingRequestInfo", 100004, 400, "The request is missing %s information.", &["X-Date"]);
pub(crate) const MISSING_SIGNATURE: ErrorCode = row("MissingSignature", 100005, 401, "The request is missing signature.");
pub(crate) const INVALID_TIMESTAMP: ErrorCode = row("InvalidTimestamp", 100006, 400, "The Signature of the request is expired.");
pub(crate) const SERVICE_NOT_FOUND: ErrorCode = filled("ServiceNotFound", 100007, 404, "This service[%s] not found.", &["ecx"]);
pub(crate) const INVALID_ACTION_OR_VERSION: ErrorCode =
    filled("InvalidActionOrVersion", 100008, 404, "Could not find operation %s for version %s.", &["DeleteImage", "2020-04-01"]);
pub(crate) const INVALID_ACCESS_KEY: ErrorCode =
    filled("InvalidAccessKey", 100009, 401, "The accesskey [%s] included in the request is invalid.", &["AKLTunknown"]);
// The text is one that a user pasted: https://github.com/volcengine/volc-openapi-demos/issues/6
pub(crate) const SIGNATURE_DOES_NOT_MATCH: ErrorCode = row(
    "SignatureDoesNotMatch",
    100010,
    401,
    "The request signature we calculated does not match the signature you provided. Check your Secret Access Key and signing \
     method. Consult the service documentation for details.",
);
pub(crate) const ACCESS_DENIED: ErrorCode = filled(
    "AccessDenied",
    100013,
    403,
    "User is not authorized to perform: %s on resource: %s.",
    &["ecs:DeleteImages", "trn:ecs:cn-beijing:2100000000:image/*"],
);
pub(crate) const INVALID_AUTHORIZATION: ErrorCode =
    row("InvalidAuthorization", 100024, 400, "Invalid 'Authorization' header, Pls check authorization header.");
pub(crate) const INVALID_CREDENTIAL: ErrorCode =
    row("InvalidCredential", 100025, 400, "Invalid credential in 'Authorization', Pls check credential in authorization header.");
pub(crate) const INVALID_SECRET_TOKEN: ErrorCode =
    filled("InvalidSecretToken", 100026, 401, "Invalid secret token, msg: %s.", &["token expired"]);
pub(crate) const METHOD_NOT_ALLOWED: ErrorCode = row("MethodNotAllowed", 0, 405, "Http method is not allowed.");
pub(crate) const LACK_PROJECT_POLICY: ErrorCode =
    row("LackProjectPolicy", 0, 403, "Request was rejected because of lack of project policy.");
pub(crate) const IMAGE_NOT_FOUND: ErrorCode = row(NOT_FOUND.code, 0, 404, NOT_FOUND.message);

/// Why one image was not deleted, inside a 200: code and message as documented
/// (<https://www.volcengine.com/docs/6396/120265>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ItemCode {
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

pub(crate) const NOT_FOUND: ItemCode = ItemCode { code: "InvalidImage.NotFound", message: "The specified image does not exist." };
pub(crate) const WRONG_STATUS: ItemCode =
    ItemCode { code: "InvalidImageStatus", message: "The specified image is not in the correct status for the request." };
pub(crate) const SHARED: ItemCode = ItemCode {
    code: "InvalidImage.Shared",
    message: "The specified image has already been shared and may be in use by other users.",
};
pub(crate) const COPYING: ItemCode =
    ItemCode { code: "OperationDenied.ImageIsCopying", message: "The specified operation is denied as your image is copying." };
pub(crate) const EXPORTING: ItemCode = ItemCode {
    code: "OperationDenied.ImageIsExporting",
    message: "The specified operation is denied as your image is exporting.",
};
pub(crate) const FAILING: ItemCode = ItemCode { code: "InternalError", message: "An internal error has occurred." };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_code_or_its_number() {
        for row in CATALOGUE {
            let by_code = ErrorCode::find(row.code).unwrap();
            assert_eq!(by_code.code, row.code);
            let first = CATALOGUE.iter().position(|other| other.code == row.code);
            let this = CATALOGUE.iter().position(|other| other == row);
            if first != this {
                let number = row.code_n.expect("a code's second row has a number").to_string();
                assert_eq!(ErrorCode::find(&number), Some(row));
            }
        }
        assert_eq!(ErrorCode::find("NoSuchCode"), None);
        assert_eq!(ErrorCode::find("0"), None);
    }

    #[test]
    fn no_message_leaves_a_gap() {
        for row in CATALOGUE {
            assert_eq!(row.message.matches("%s").count(), row.samples.len(), "{}", row.code);
            assert!(!row.filled(&[]).contains("%s"), "{}", row.code);
        }
        assert_eq!(SERVICE_NOT_FOUND.filled(&["vod"]), "This service[vod] not found.");
        assert_eq!(INVALID_ACTION_OR_VERSION.filled(&["A"]), "Could not find operation A for version 2020-04-01.");
    }
}
