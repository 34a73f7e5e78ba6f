use super::*;

const KNOWN: [&str; 69] = [
    "Order id already exists",
    "Order id already exists.",
    "Order already booked",
    "Duplicate client order id",
    "Order has already been placed",
    "Client order number has already been used",
    "Order id exists",
    "client_order_id exists in the system",
    "The reference is in use",
    "This order reference is in use",
    "Client order number has been used",
    "Order number has been used",
    "Order reference must be unique",
    "client_order_id should be unique",
    "client_order_id must be unique",
    "Order id is not unique",
    "Your order was not placed: this order id exists",
    "Order reference is taken",
    "This order number was used before",
    "Repeated order id",
    "Order is present in our system",
    "client_order_id has to be unique",
    "Non-unique client order id",
    "client_order_id not unique",
    "Violation of UNIQUE KEY constraint 'client_order_id'",
    "E11000 dup key",
    "E11000 duplicate key error collection: px.orders index: client_order_id_1 dup key",
    "Order has been placed",
    "An AWB was generated for this order",
    "Same order id received twice",
    "Client order id should not be repeated",
    "Customer order id already exists",
    "The client_order_id field must contain a unique value.",
    "The client order id has already been taken.",
    "UNIQUE constraint failed: orders.client_order_id",
    "client_order_id: must be unique",
    "client order id: has already been taken",
    "has already been taken",
    "Already exists",
    "Waybill already generated",
    "AWB already assigned to this order",
    "AWB assigned",
    "Order id taken",
    "Reference already in use",
    "Invoice number already exists",
    "Pickup already scheduled for this order",
    "Already manifested order",
    "Order number cannot be used again",
    "Client order id cannot be reused",
    "Same client order id sent again",
    "An order with this reference exists",
    "There exists an order with this reference",
    "Duplicate request",
    "Request already processed",
    "Pincode is serviceable but order already exists",
    "Duplicate entry 'ORD-7K2M9' for key 'client_order_id'",
    "Order was created earlier",
    "Order is booked",
    "clientOrderId already used",
    "Ref no. already used",
    "Data already exists",
    "Docket number already generated",
    "Already processed",
    "Already manifested",
    "Details already submitted",
    "Order status already booked",
    "Order name already exists",
    "Your account already has an order with this reference",
    "Merchant has already booked this order",
];

#[test]
fn what_says_that_our_reference_is_known() {
    for words in KNOWN {
        assert!(is_known(&words.to_lowercase()), "{words}");
    }
}

const NOT_KNOWN: [&str; 64] = [
    "Order id does not exist",
    "Order doesn't exist",
    "No such order exists",
    "Pick address does not exist for this order",
    "Please check whether the order exists",
    "Not unique pincode",
    "Pincode is not unique",
    "SKU must be unique",
    "Mobile number is in use by another customer",
    "Reference has never been used",
    "Order is not in use",
    "COD limit already exceeded for this consignee",
    "COD limit already exceeded for this order",
    "Already exceeded the COD limit for this order",
    "Pickup slot already full",
    "Pickup slot is already taken",
    "Booking slot already full",
    "Same day delivery is not available for this pincode",
    "Same day delivery is not available for this order",
    "All items of the same order must have one pincode",
    "Payment mode used is invalid",
    "Payment mode used is invalid for this order",
    "Invalid weight in order: must be unique",
    "Invalid weight in order must be unique",
    "Order items must be unique",
    "Order must have unique SKUs",
    "Order contains duplicate SKU",
    "Duplicate product in order",
    "Please do not repeat the SKU in the order",
    "Repeat customer order limit reached",
    "Order could not be placed",
    "Order was not placed",
    "Order cannot be placed for this pincode",
    "Order can be placed only for serviceable pincodes",
    "Orders placed after 5 pm are not accepted",
    "AWB not generated",
    "AWB could not be generated for this order",
    "No AWB was generated for this order",
    "Courier is not assigned to this order",
    "No courier assigned to this order",
    "AWB not assigned",
    "Special characters present in order id",
    "Invalid characters are present in client order id",
    "Orders are not accepted at present",
    "Order amount must be present",
    "Consignee already has an undelivered order",
    "Order weight already exceeds the limit",
    "Order date has already passed",
    "Your account already has 500 orders today",
    "Rate limit already exceeded",
    "Seller already deactivated",
    "Token already expired, order was not placed",
    "E-way bill already expired",
    "E-way bill already used for another order",
    "Order type used is invalid",
    "Order value already exceeds the limit",
    "Mobile already used in another order",
    "Pincode already blacklisted",
    "Warehouse name must be unique",
    "Pickup location already disabled for this client",
    "Cannot carry",
    "Pickup slot already booked for this order",
    "SKU already exists in this order",
    "Your account already has an order of this customer",
];

#[test]
fn what_is_said_of_something_else_or_denied() {
    for words in NOT_KNOWN {
        assert!(!is_known(&words.to_lowercase()), "{words}");
    }
}

/// What a merchant calls their goods is not the provider's word, unless it is just that.
#[test]
fn a_quote_misleads_that_says_more_than_the_words_that_count() {
    for quote in ["duplicate key cutter", "client diary", "used books", "order of merit medal"] {
        assert!(misleads(quote), "{quote}");
    }
    for quote in ["blue mug", "duplicate", "order id", "already", "12 sample street"] {
        assert!(!misleads(quote), "{quote}");
    }
}

#[test]
fn a_refusal_of_any_length_is_read_in_no_time() {
    for words in ["already ", "order ", "already order not ", "duplicate sku, ", "x already. "] {
        let _known = is_known(&words.repeat(200_000));
    }
}
